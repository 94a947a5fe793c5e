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

/* spread(params, flat, offsets, avals): the gradients are known to have no views. */
PyObject *core_spread(PyObject *self, PyObject *const *args, Py_ssize_t nargs)
{
    if (nargs != 4 || !PyList_CheckExact(args[0]) || !PyList_CheckExact(args[2]) || !PyList_CheckExact(args[3])) {
        PyErr_SetString(PyExc_TypeError, "spread(params: list, flat, offsets: list, avals: list)");
        return NULL;
    }
    static PyObject *name;
    if (name == NULL && (name = PyUnicode_InternFromString("value")) == NULL)
        return NULL;
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(args[0]); i++) {
        PyObject *storage = SLOT(SLOT(PyList_GET_ITEM(args[0], i), at.handle.grad), at.handle.storage);
        PyObject *range = new_range(args[1], PyList_GET_ITEM(args[2], i), PyList_GET_ITEM(args[3], i));
        if (range == NULL)
            return NULL;
        int status = 0;
        if (Py_TYPE(storage) == engine.Storage)
            put(storage, at.storage.value, range);
        else
            status = PyObject_SetAttr(storage, name, range);
        Py_DECREF(range);
        if (status < 0)
            return NULL;
    }
    Py_RETURN_NONE;
}

PyObject *core_forget_reads(PyObject *self, PyObject *parts)
{
    if (!PyList_CheckExact(parts)) {
        PyErr_SetString(PyExc_TypeError, "forget_reads(parts: list)");
        return NULL;
    }
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(parts); i++)
        put(PyList_GET_ITEM(parts, i), at.part.read, Py_None);
    Py_RETURN_NONE;
}

PyObject *core_count_write(PyObject *self, PyObject *storages)
{
    if (!PyList_CheckExact(storages)) {
        PyErr_SetString(PyExc_TypeError, "count_write(storages: list)");
        return NULL;
    }
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(storages); i++) {
        PyObject *storage = PyList_GET_ITEM(storages, i);
        PyObject *number = PyLong_FromSsize_t(PyLong_AsSsize_t(SLOT(storage, at.storage.version)) + 1);
        if (number == NULL)
            return NULL;
        put(storage, at.storage.version, number);
        Py_DECREF(number);
    }
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
