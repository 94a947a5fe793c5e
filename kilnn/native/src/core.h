/* What the files of kilnn.native._core share: the engine's classes, where their slots lie, and reading a slot.

   The classes are Python's (kilnn/engine); C reads and writes their slots in place. Every function here has a twin in
   Python that is the reference: C handles the common case and calls the twin for the rest. */

#ifndef KILNN_CORE_H
#define KILNN_CORE_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <structmember.h>

#define SLOT(object, offset) (*(PyObject **)((char *)(object) + (offset)))

/* How an operand reaches an instruction: kilnn.engine.entry's VALUE, FLOAT, INT, DOUBLE, NONE. */
enum { KIND_VALUE, KIND_FLOAT, KIND_INT, KIND_DOUBLE, KIND_NONE };

#define MAX_OPERANDS 64

#define SEEN_ONCE (-2) /* index of a host leaf that a program has already read: execute._seen_once */

/* Outcomes of a step that may have to leave the case to Python. */
enum { FAILED = -1, DONE = 0, LEAVE = 1 };

typedef struct {
    PyTypeObject *Value, *RangeValue, *Storage, *FlatStorage, *PartStorage, *Counter, *Node;
    PyObject *handles;   /* set of the exact classes of tensors */
    PyObject *arrays;    /* set of the exact classes of computed data that a program takes */
    PyObject *tensor_class;
    PyObject *local;     /* thread-local holder of the context */
    PyObject *sequence;  /* counter of nodes */
    PyObject *ranges;    /* (aval of the flat value, aval of the part) -> entry */
    PyObject *keeps_strides;
    PyObject *record, *record_check, *open_trace; /* the twins */
    PyObject *ndarray, *make_array, *vector_dtypes; /* NumPy's class, its array(), the dtypes of packed numbers */
    PyObject *zero, *minus_one, *seen_once;
    PyObject *global_hooks, *call_module, *explain_module; /* of modules, see setup_modules */
} Engine;

typedef struct {
    struct { Py_ssize_t aval, data, index, instr, passed, trace; } value;
    struct { Py_ssize_t flat, offset; } range;
    struct { Py_ssize_t part, value, version; } storage;
    struct { Py_ssize_t parts; } flat;
    struct { Py_ssize_t aval, flat, offset, read; } part;
    struct { Py_ssize_t version; } counter;
    struct { Py_ssize_t extra, grad, leaf, node, output, storage, view; } handle;
    struct { Py_ssize_t counters, edges, hooks, mark, plan, saved, sequence, versions; } node;
    struct { Py_ssize_t attr_version, base, cache, counter, op, parent, root, strides; } view;
    struct { Py_ssize_t device, donated, done, doubles, expected_short, floats, grad_open, immediate, ints, kept, leaf_slot, leaves, limit,
                 predicted, sealed, undo, values; } trace;
    struct { Py_ssize_t autocast, eager, grad, trace; } context;
    struct { Py_ssize_t avals, check, device, differentiable, floating, head, kinds, nout, plans, state; } entry;
    struct { Py_ssize_t backward, entry, frees, outputs, plain, saves, wanted; } plan;
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
int commit(PyObject *trace, PyObject *entry, PyObject *const *operands, PyObject **outs);

PyObject *core_record(PyObject *self, PyObject *const *args, Py_ssize_t nargs);
PyObject *core_commit(PyObject *self, PyObject *const *args, Py_ssize_t nargs);
PyObject *core_discover(PyObject *self, PyObject *const *args, Py_ssize_t nargs);
PyObject *core_walk(PyObject *self, PyObject *const *args, Py_ssize_t nargs);
PyObject *core_run(PyObject *self, PyObject *const *args, Py_ssize_t nargs);
PyObject *core_sole(PyObject *self, PyObject *const *args, Py_ssize_t nargs);
PyObject *core_live(PyObject *self, PyObject *values);
PyObject *core_replace(PyObject *self, PyObject *const *args, Py_ssize_t nargs);
PyObject *core_gradients(PyObject *self, PyObject *const *args, Py_ssize_t nargs);
PyObject *core_spread(PyObject *self, PyObject *const *args, Py_ssize_t nargs);
PyObject *core_unmoved(PyObject *self, PyObject *const *args, Py_ssize_t nargs);
PyObject *core_clear_gradients(PyObject *self, PyObject *params);
PyObject *core_setup_modules(PyObject *self, PyObject *const *args, Py_ssize_t nargs);
extern PyTypeObject AttributesType;

#endif
