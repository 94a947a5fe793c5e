/* The module kilnn.native._core: tells C the engine's classes and hands out the functions. */

#include "core.h"

Engine engine;
Slots at;
int ready;

/* Where a slot lies in the instances of a class; -1 with an exception when it is no slot. */
static Py_ssize_t offset(PyObject *type, const char *name)
{
    PyObject *own = PyObject_GetAttrString(type, "__mro__"), *found = NULL;
    for (Py_ssize_t i = 0; own != NULL && i < PyTuple_GET_SIZE(own); i++) {
        PyObject *member = PyDict_GetItemString(((PyTypeObject *)PyTuple_GET_ITEM(own, i))->tp_dict, name);
        if (member != NULL && Py_TYPE(member) == &PyMemberDescr_Type)
            found = member;
    }
    Py_XDECREF(own);
    if (found == NULL) {
        PyErr_Format(PyExc_TypeError, "%R has no slot %s", type, name);
        return -1;
    }
    return ((PyMemberDescrObject *)found)->d_member->offset;
}

/* Fill in where the slots lie, in the order of their names. */
static int place(PyObject *type, const char *prefix, const char *const *names, Py_ssize_t *places)
{
    char spelling[64];
    for (; *names != NULL; names++) {
        PyOS_snprintf(spelling, sizeof(spelling), "%s%s", prefix, *names);
        if ((*places++ = offset(type, spelling)) < 0)
            return -1;
    }
    return 0;
}

static PyObject *setup(PyObject *self, PyObject *parts)
{
    PyObject *part;
#define FIND(name) \
    if ((part = PyDict_GetItemString(parts, #name)) == NULL) { \
        PyErr_SetString(PyExc_TypeError, "setup() needs " #name); \
        return NULL; \
    }
#define S(name) #name,
#define GROUP(group, class, prefix, slots) \
    FIND(class) \
    { \
        static const char *const names[] = {slots NULL}; \
        if (place(part, prefix, names, (Py_ssize_t *)&at.group) < 0) \
            return NULL; \
    }
    SLOT_GROUPS(GROUP)
#undef GROUP
#undef S
#define TYPE(name) FIND(name) engine.name = (PyTypeObject *)Py_NewRef(part);
    ENGINE_TYPES(TYPE)
#define KEEP(name) FIND(name) engine.name = Py_NewRef(part);
    ENGINE_OBJECTS(KEEP)
    engine.zero = PyLong_FromLong(0);
    engine.empty = PyTuple_New(0);
    engine.minus_one = PyLong_FromLong(-1);
    engine.seen_once = PyLong_FromLong(SEEN_ONCE);
    ready = 1;
    Py_RETURN_NONE;
}

static PyMethodDef methods[] = {
    {"setup", setup, METH_O, PyDoc_STR("setup(parts): the engine's classes, tables and twins, by name.")},
    {"setup_modules", (PyCFunction)(void (*)(void))core_setup_modules, METH_FASTCALL,
     PyDoc_STR("setup_modules(global_hooks, call, explain, recorded): what C needs of kilnn.nn.")},
    {"record", (PyCFunction)(void (*)(void))core_record, METH_FASTCALL,
     PyDoc_STR("record(op, operands, attributes=()): as kilnn.engine.record.record.")},
    {"record_known", (PyCFunction)(void (*)(void))core_record_known, METH_FASTCALL,
     PyDoc_STR("record_known(op, operands, attributes=()): record, where operands of these kinds were recorded before; else None.")},
    {"commit", (PyCFunction)(void (*)(void))core_commit, METH_FASTCALL,
     PyDoc_STR("commit(trace, entry, operands): the new Value, a list of several, or None: left to Python.")},
    {"discover", (PyCFunction)(void (*)(void))core_discover, METH_FASTCALL,
     PyDoc_STR("discover(roots, mark, waits): the nodes that the roots lead to, oldest first.")},
    {"backward", core_backward, METH_O,
     PyDoc_STR("backward(root): whether the gradients of this one root were accumulated; False: left to Python.")},
    {"walk", (PyCFunction)(void (*)(void))core_walk, METH_FASTCALL,
     PyDoc_STR("walk(walk, context, nodes, retain, cotangents, sums, waits): visit every node, newest first.")},
    {"flush", core_flush, METH_O, PyDoc_STR("flush(trace): run what was foreseen; False: left to Python, nothing was run.")},
    {"counts", core_counts, METH_NOARGS, PyDoc_STR("counts(): (runs, operations in them) by flush() since the last call.")},
    {"start", (PyCFunction)(void (*)(void))core_start, METH_FASTCALL,
     PyDoc_STR("start(trace, bound): the outputs of the bound's program, or None: left to Python.")},
    {"sole", (PyCFunction)(void (*)(void))core_sole, METH_FASTCALL,
     PyDoc_STR("sole(leaves, positions, arrays, references): whether nobody else refers to these leaves' arrays.")},
    {"live", core_live, METH_O, PyDoc_STR("live(values): numbers of those that somebody refers to.")},
    {"update", (PyCFunction)(void (*)(void))core_update, METH_FASTCALL,
     PyDoc_STR("update(rule, bundle, names, scalars, attributes, gradients): record an update; False: left to Python.")},
    {"ready", (PyCFunction)(void (*)(void))core_ready, METH_FASTCALL,
     PyDoc_STR("ready(bundles, params, storages): [(bundle, gradients), ...], None when one is out of line.")},
    {"intact", core_intact, METH_O, PyDoc_STR("intact(bundles): whether they are as they were bundled.")},
    {"spread", (PyCFunction)(void (*)(void))core_spread, METH_FASTCALL,
     PyDoc_STR("spread(params, flat, offsets, avals): let each gradient read its part of a flat Value.")},
    {"replace", (PyCFunction)(void (*)(void))core_replace, METH_FASTCALL,
     PyDoc_STR("replace(trace, storages, old, outs, written): publish an update's results, with a note to undo it.")},
    {"clear_gradients", core_clear_gradients, METH_O, PyDoc_STR("clear_gradients(params): set .grad to None.")},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef module = {
    PyModuleDef_HEAD_INIT, "kilnn.native._core", PyDoc_STR("The hot paths of recording, in C."), -1, methods,
    NULL, NULL, NULL, NULL,
};

PyMODINIT_FUNC PyInit__core(void)
{
    if (PyType_Ready(&AttributesType) < 0)
        return NULL;
    PyObject *made = PyModule_Create(&module);
    if (made != NULL && PyModule_AddObjectRef(made, "Attributes", (PyObject *)&AttributesType) < 0)
        Py_CLEAR(made);
    return made;
}
