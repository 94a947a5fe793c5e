/* The loops over parameters of an optimizer's step: the twins are in kilnn/engine/update.py and kilnn/optim/optimizer.py. */

#include "core.h"

/* gradients(params, storages, avals) */
PyObject *core_gradients(PyObject *self, PyObject *const *args, Py_ssize_t nargs)
{
    if (nargs != 3 || !PyList_CheckExact(args[0]) || !PyList_CheckExact(args[1]) || !PyList_CheckExact(args[2])) {
        PyErr_SetString(PyExc_TypeError, "gradients(params: list, storages: list, avals: list)");
        return NULL;
    }
    Py_ssize_t n = PyList_GET_SIZE(args[0]);
    PyObject *found = PyList_New(n);
    for (Py_ssize_t i = 0; found != NULL && i < n; i++) {
        PyObject *p = PyList_GET_ITEM(args[0], i), *grad = SLOT(p, at.handle.grad);
        if (SLOT(p, at.handle.storage) != PyList_GET_ITEM(args[1], i) || SLOT(p, at.handle.leaf) != Py_True
            || grad == Py_None || !is_tensor(grad) || SLOT(grad, at.handle.view) != Py_None) {
            Py_DECREF(found);
            Py_RETURN_NONE;
        }
        PyObject *value = storage_value(SLOT(grad, at.handle.storage));
        if (value == NULL) {
            Py_DECREF(found);
            return NULL;
        }
        PyList_SET_ITEM(found, i, value);
        if (SLOT(value, at.value.aval) != PyList_GET_ITEM(args[2], i)) {
            Py_DECREF(found);
            Py_RETURN_NONE;
        }
    }
    return found;
}

static int set_value(PyObject *storage, PyObject *value)
{
    static PyObject *name;
    if (Py_TYPE(storage) == engine.Storage || Py_TYPE(storage) == engine.FlatStorage) {
        put(storage, at.storage.value, value);
        return 0;
    }
    if (name == NULL && (name = PyUnicode_InternFromString("value")) == NULL)
        return -1;
    return PyObject_SetAttr(storage, name, value);
}

/* spread(params, flat, offsets, avals): the gradients are known to have no views. */
PyObject *core_spread(PyObject *self, PyObject *const *args, Py_ssize_t nargs)
{
    if (nargs != 4 || !PyList_CheckExact(args[0]) || !PyList_CheckExact(args[2]) || !PyList_CheckExact(args[3])) {
        PyErr_SetString(PyExc_TypeError, "spread(params: list, flat, offsets: list, avals: list)");
        return NULL;
    }
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(args[0]); i++) {
        PyObject *storage = SLOT(SLOT(PyList_GET_ITEM(args[0], i), at.handle.grad), at.handle.storage);
        PyObject *range = new_range(args[1], PyList_GET_ITEM(args[2], i), PyList_GET_ITEM(args[3], i));
        if (range == NULL)
            return NULL;
        int status = set_value(storage, range);
        Py_DECREF(range);
        if (status < 0)
            return NULL;
    }
    Py_RETURN_NONE;
}

static void forget_reads(PyObject *parts)
{
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(parts); i++)
        put(PyList_GET_ITEM(parts, i), at.part.read, Py_None);
}

static int count_write(PyObject *storages)
{
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(storages); i++) {
        PyObject *storage = PyList_GET_ITEM(storages, i);
        PyObject *number = PyLong_FromSsize_t(PyLong_AsSsize_t(SLOT(storage, at.storage.version)) + 1);
        if (number == NULL)
            return -1;
        put(storage, at.storage.version, number);
        Py_DECREF(number);
    }
    return 0;
}

/* replace(trace, storages, old, outs, written): what an update's results replace: note which leaves may be reused and
   how to undo it, give each storage its new value, and raise the versions of `written`. */
PyObject *core_replace(PyObject *self, PyObject *const *args, Py_ssize_t nargs)
{
    if (nargs != 5) {
        PyErr_SetString(PyExc_TypeError, "replace(trace, storages: list, old: list, outs: list, written: list)");
        return NULL;
    }
    for (int i = 1; i < 5; i++)
        if (!PyList_CheckExact(args[i])) {
            PyErr_SetString(PyExc_TypeError, "replace(trace, storages: list, old: list, outs: list, written: list)");
            return NULL;
        }
    PyObject *slots = SLOT(args[0], at.trace.leaf_slot), *donated = SLOT(args[0], at.trace.donated);
    PyObject *undo = SLOT(args[0], at.trace.undo);
    Py_ssize_t n = PyList_GET_SIZE(args[1]);
    if (PyList_GET_SIZE(args[2]) != n || PyList_GET_SIZE(args[3]) != n) {
        PyErr_SetString(PyExc_ValueError, "replace: as many old and new values as storages are needed");
        return NULL;
    }
    for (Py_ssize_t i = 0; i < n; i++) {
        PyObject *storage = PyList_GET_ITEM(args[1], i), *value = PyList_GET_ITEM(args[2], i);
        PyObject *id = PyLong_FromVoidPtr(value), *pair = PyTuple_Pack(2, storage, value);
        PyObject *slot = id == NULL || pair == NULL ? NULL : PyDict_GetItemWithError(slots, id);
        int status = PyErr_Occurred() ? -1 : PyList_Append(undo, pair);
        if (status == 0 && slot != NULL && PyLong_AsSsize_t(slot) < 0) {
            PyObject *place = PyLong_FromSsize_t(-1 - PyLong_AsSsize_t(slot));
            status = place == NULL ? -1 : PyList_Append(donated, place);
            Py_XDECREF(place);
        }
        Py_XDECREF(id);
        Py_XDECREF(pair);
        if (status < 0)
            return NULL;
        if (set_value(storage, PyList_GET_ITEM(args[3], i)) < 0)
            return NULL;
        if (Py_TYPE(storage) == engine.FlatStorage)
            forget_reads(SLOT(storage, at.flat.parts));
    }
    if (count_write(args[4]) < 0)
        return NULL;
    Py_RETURN_NONE;
}

PyObject *core_unmoved(PyObject *self, PyObject *const *args, Py_ssize_t nargs)
{
    if (nargs != 2 || !PyList_CheckExact(args[0]) || !PyList_CheckExact(args[1])) {
        PyErr_SetString(PyExc_TypeError, "unmoved(params: list, storages: list)");
        return NULL;
    }
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(args[0]); i++)
        if (SLOT(PyList_GET_ITEM(args[0], i), at.handle.storage) != PyList_GET_ITEM(args[1], i))
            Py_RETURN_FALSE;
    Py_RETURN_TRUE;
}

PyObject *core_clear_gradients(PyObject *self, PyObject *params)
{
    if (!PyList_CheckExact(params)) {
        PyErr_SetString(PyExc_TypeError, "clear_gradients(params: list)");
        return NULL;
    }
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(params); i++)
        if (is_tensor(PyList_GET_ITEM(params, i)))
            put(PyList_GET_ITEM(params, i), at.handle.grad, Py_None);
    Py_RETURN_NONE;
}
