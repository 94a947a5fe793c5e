/* What the files of kilnn.native._core share: the engine's classes, where their slots lie, and reading a slot.

   The classes are Python's (kilnn/engine); C reads and writes their slots in place. Every function here has a twin in
   Python that is the reference: C handles the common case and calls the twin for the rest. */

#ifndef KILNN_CORE_H
#define KILNN_CORE_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <structmember.h>

#include "slots.h"

#define SLOT(object, offset) (*(PyObject **)((char *)(object) + (offset)))

/* How an operand reaches an instruction: kilnn.engine.entry's VALUE, FLOAT, INT, DOUBLE, NONE. */
enum { KIND_VALUE, KIND_FLOAT, KIND_INT, KIND_DOUBLE, KIND_NONE };

#define MAX_OPERANDS 64

#define SEEN_ONCE (-2) /* index of a host leaf that a program has already read: execute._seen_once */

#define CONSTANT (-8) /* index of a Value that programs hold as a constant: values.CONSTANT */

/* Outcomes of a step that may have to leave the case to Python. */
enum { FAILED = -1, DONE = 0, LEAVE = 1 };

typedef struct {
#define FIELD(name) PyTypeObject *name;
    ENGINE_TYPES(FIELD)
#undef FIELD
#define FIELD(name) PyObject *name;
    ENGINE_OBJECTS(FIELD)
#undef FIELD
    PyObject *zero, *minus_one, *seen_once, *empty;
    PyObject *global_hooks, *call_module, *explain_module, *recorded; /* of modules, see setup_modules */
} Engine;

typedef struct {
#define S(name) name,
#define GROUP(group, class, prefix, slots) struct { Py_ssize_t slots after; } group;
    SLOT_GROUPS(GROUP)
#undef GROUP
#undef S
} Slots;

extern Engine engine;
extern Slots at;
extern int ready;

static inline int is_tensor(PyObject *x)
{
    return (PyObject *)Py_TYPE(x) == engine.tensor_class || PySet_Contains(engine.handles, (PyObject *)Py_TYPE(x)) == 1;
}

static inline void put(PyObject *object, Py_ssize_t offset, PyObject *value)
{
    PyObject *old = SLOT(object, offset);
    SLOT(object, offset) = Py_NewRef(value);
    Py_XDECREF(old);
}

static inline PyObject *new_object(PyTypeObject *type)
{
    return type->tp_alloc(type, 0);
}

PyObject *context_now(void);                            /* new reference */
PyObject *storage_value(PyObject *storage);             /* new reference */
PyObject *new_range(PyObject *flat_value, PyObject *offset, PyObject *aval);
PyObject *new_tensor(PyObject *value, PyObject *node, PyObject *output);
int begun(PyObject *trace);
int start(PyObject *trace, PyObject *bound, PyObject **outputs);
int commit(PyObject *trace, PyObject *entry, PyObject *const *operands, PyObject **outs);

PyObject *core_record(PyObject *self, PyObject *const *args, Py_ssize_t nargs);
PyObject *core_record_known(PyObject *self, PyObject *const *args, Py_ssize_t nargs);
PyObject *core_commit(PyObject *self, PyObject *const *args, Py_ssize_t nargs);
PyObject *core_discover(PyObject *self, PyObject *const *args, Py_ssize_t nargs);
PyObject *core_backward(PyObject *self, PyObject *root);
PyObject *core_walk(PyObject *self, PyObject *const *args, Py_ssize_t nargs);
PyObject *core_start(PyObject *self, PyObject *const *args, Py_ssize_t nargs);
PyObject *core_flush(PyObject *self, PyObject *trace);
PyObject *core_counts(PyObject *self, PyObject *unused);
PyObject *core_sole(PyObject *self, PyObject *const *args, Py_ssize_t nargs);
PyObject *core_live(PyObject *self, PyObject *values);
PyObject *core_update(PyObject *self, PyObject *const *args, Py_ssize_t nargs);
PyObject *core_ready(PyObject *self, PyObject *const *args, Py_ssize_t nargs);
PyObject *core_intact(PyObject *self, PyObject *bundles);
PyObject *core_replace(PyObject *self, PyObject *const *args, Py_ssize_t nargs);
PyObject *core_spread(PyObject *self, PyObject *const *args, Py_ssize_t nargs);
PyObject *core_clear_gradients(PyObject *self, PyObject *params);
PyObject *core_setup_modules(PyObject *self, PyObject *const *args, Py_ssize_t nargs);
extern PyTypeObject AttributesType;

#endif
