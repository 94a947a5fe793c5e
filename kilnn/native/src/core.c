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

#define PLACE(type, group, name, spelling) \
    if ((at.group.name = offset(type, spelling)) < 0) return NULL;

static PyObject *setup(PyObject *self, PyObject *parts)
{
#define PART(name) PyDict_GetItemString(parts, #name)
    static const char *needed[] = {"Value", "RangeValue", "Storage", "FlatStorage", "PartStorage", "Part", "Counter",
        "Node", "Handle", "View", "Trace", "Context", "Entry", "Plan", "handles", "arrays", "tensor_class", "local",
        "sequence", "ranges", "keeps_strides", "record", "record_check", "open_trace", "ndarray", "make_array",
        "vector_dtypes", NULL};
    for (int i = 0; needed[i] != NULL; i++)
        if (PyDict_GetItemString(parts, needed[i]) == NULL) {
            PyErr_Format(PyExc_TypeError, "setup() needs %s", needed[i]);
            return NULL;
        }
    PyObject *value = PART(Value), *node = PART(Node), *handle = PART(Handle), *view = PART(View);
    PyObject *trace = PART(Trace), *context = PART(Context), *entry = PART(Entry), *plan = PART(Plan);
    PLACE(value, value, aval, "aval") PLACE(value, value, data, "data") PLACE(value, value, index, "index")
    PLACE(value, value, instr, "instr") PLACE(value, value, passed, "passed") PLACE(value, value, trace, "trace")
    PLACE(PART(RangeValue), range, flat, "flat") PLACE(PART(RangeValue), range, offset, "offset")
    PLACE(PART(Storage), storage, part, "part") PLACE(PART(Storage), storage, value, "value")
    PLACE(PART(Storage), storage, version, "version") PLACE(PART(Counter), counter, version, "version")
    PLACE(PART(FlatStorage), flat, parts, "parts")
    PLACE(PART(Part), part, aval, "aval") PLACE(PART(Part), part, flat, "flat")
    PLACE(PART(Part), part, offset, "offset") PLACE(PART(Part), part, read, "read")
    PLACE(handle, handle, extra, "_extra") PLACE(handle, handle, grad, "_grad") PLACE(handle, handle, leaf, "_leaf")
    PLACE(handle, handle, node, "_node") PLACE(handle, handle, output, "_output")
    PLACE(handle, handle, storage, "_storage") PLACE(handle, handle, view, "_view")
    PLACE(node, node, counters, "counters") PLACE(node, node, edges, "edges") PLACE(node, node, hooks, "hooks")
    PLACE(node, node, mark, "mark") PLACE(node, node, plan, "plan") PLACE(node, node, saved, "saved")
    PLACE(node, node, sequence, "sequence") PLACE(node, node, versions, "versions")
    PLACE(view, view, attr_version, "attr_version") PLACE(view, view, base, "base") PLACE(view, view, cache, "cache")
    PLACE(view, view, counter, "counter") PLACE(view, view, op, "op") PLACE(view, view, parent, "parent")
    PLACE(view, view, root, "root") PLACE(view, view, strides, "strides")
    PLACE(trace, trace, device, "device") PLACE(trace, trace, done, "done") PLACE(trace, trace, donated, "donated") PLACE(trace, trace, undo, "undo") PLACE(trace, trace, doubles, "doubles") PLACE(trace, trace, expected_short, "expected_short")
    PLACE(trace, trace, floats, "floats")
    PLACE(trace, trace, grad_open, "grad_open") PLACE(trace, trace, immediate, "immediate")
    PLACE(trace, trace, ints, "ints") PLACE(trace, trace, kept, "kept") PLACE(trace, trace, leaf_slot, "leaf_slot")
    PLACE(trace, trace, leaves, "leaves") PLACE(trace, trace, limit, "limit")
    PLACE(trace, trace, predicted, "predicted") PLACE(trace, trace, sealed, "sealed")
    PLACE(trace, trace, values, "values")
    PLACE(context, context, eager, "eager") PLACE(context, context, grad, "grad")
    PLACE(context, context, autocast, "autocast") PLACE(context, context, trace, "trace")
    PLACE(entry, entry, avals, "avals") PLACE(entry, entry, check, "check")
    PLACE(entry, entry, device, "device") PLACE(entry, entry, differentiable, "differentiable") PLACE(entry, entry, floating, "floating")
    PLACE(entry, entry, head, "head") PLACE(entry, entry, kinds, "kinds") PLACE(entry, entry, nout, "nout")
    PLACE(entry, entry, plans, "plans") PLACE(entry, entry, state, "state")
    PLACE(plan, plan, backward, "backward") PLACE(plan, plan, entry, "entry") PLACE(plan, plan, frees, "frees")
    PLACE(plan, plan, outputs, "outputs") PLACE(plan, plan, plain, "plain") PLACE(plan, plan, saves, "saves")
    PLACE(plan, plan, wanted, "wanted")
#define TYPE(name) engine.name = (PyTypeObject *)Py_NewRef(PART(name));
    TYPE(Value) TYPE(RangeValue) TYPE(Storage) TYPE(FlatStorage) TYPE(PartStorage) TYPE(Counter) TYPE(Node)
#define KEEP(name) engine.name = Py_NewRef(PART(name));
    KEEP(handles) KEEP(arrays) KEEP(tensor_class) KEEP(local) KEEP(sequence) KEEP(ranges) KEEP(keeps_strides)
    KEEP(record) KEEP(record_check) KEEP(open_trace) KEEP(ndarray) KEEP(make_array) KEEP(vector_dtypes)
    engine.zero = PyLong_FromLong(0);
    engine.minus_one = PyLong_FromLong(-1);
    engine.seen_once = PyLong_FromLong(SEEN_ONCE);
    ready = 1;
    Py_RETURN_NONE;
}

static PyMethodDef methods[] = {
    {"setup", setup, METH_O, PyDoc_STR("setup(parts): the engine's classes, tables and twins, by name.")},
    {"setup_modules", (PyCFunction)(void (*)(void))core_setup_modules, METH_FASTCALL,
     PyDoc_STR("setup_modules(global_hooks, call, explain): the hooks of all modules, Module's call in Python, who explains errors.")},
    {"record", (PyCFunction)(void (*)(void))core_record, METH_FASTCALL,
     PyDoc_STR("record(op, operands, attributes=()): as kilnn.engine.record.record.")},
    {"commit", (PyCFunction)(void (*)(void))core_commit, METH_FASTCALL,
     PyDoc_STR("commit(trace, entry, operands): the new Value, a list of several, or None: left to Python.")},
    {"discover", (PyCFunction)(void (*)(void))core_discover, METH_FASTCALL,
     PyDoc_STR("discover(roots, mark, waits): the nodes that the roots lead to, oldest first.")},
    {"walk", (PyCFunction)(void (*)(void))core_walk, METH_FASTCALL,
     PyDoc_STR("walk(walk, context, nodes, retain, cotangents, sums, waits): visit every node, newest first.")},
    {"run", (PyCFunction)(void (*)(void))core_run, METH_FASTCALL,
     PyDoc_STR("run(trace, call, leaves, donated, numbers, whole, known, targets): the outputs, or None: left to Python.")},
    {"sole", (PyCFunction)(void (*)(void))core_sole, METH_FASTCALL,
     PyDoc_STR("sole(leaves, positions, arrays, references): whether nobody else refers to these leaves' arrays.")},
    {"live", core_live, METH_O, PyDoc_STR("live(values): numbers of those that somebody refers to.")},
    {"gradients", (PyCFunction)(void (*)(void))core_gradients, METH_FASTCALL,
     PyDoc_STR("gradients(params, storages, avals): Values of the gradients; None when a parameter is out of line.")},
    {"spread", (PyCFunction)(void (*)(void))core_spread, METH_FASTCALL,
     PyDoc_STR("spread(params, flat, offsets, avals): let each gradient read its part of a flat Value.")},
    {"replace", (PyCFunction)(void (*)(void))core_replace, METH_FASTCALL,
     PyDoc_STR("replace(trace, storages, old, outs, written): publish an update's results, with a note to undo it.")},
    {"unmoved", (PyCFunction)(void (*)(void))core_unmoved, METH_FASTCALL,
     PyDoc_STR("unmoved(params, storages): whether each parameter still has its storage.")},
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
