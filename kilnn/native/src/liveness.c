/* What a run asks of reference counts: the twins of live_values in kilnn/engine/values.py and of the test in
   kilnn/engine/execute.py before buffers are used again. */

#include "core.h"

/* live(values): numbers of those that somebody besides the list refers to. */
PyObject *core_live(PyObject *self, PyObject *values)
{
    if (!PyList_CheckExact(values)) {
        PyErr_SetString(PyExc_TypeError, "live(values: list)");
        return NULL;
    }
    Py_ssize_t n = PyList_GET_SIZE(values), count = 0;
    for (Py_ssize_t i = 0; i < n; i++)
        count += Py_REFCNT(PyList_GET_ITEM(values, i)) > 1;
    PyObject *found = PyTuple_New(count);
    for (Py_ssize_t i = 0, k = 0; found != NULL && i < n && k < count; i++)
        if (Py_REFCNT(PyList_GET_ITEM(values, i)) > 1) {
            PyObject *number = PyLong_FromSsize_t(i);
            if (number == NULL) {
                Py_CLEAR(found);
                break;
            }
            PyTuple_SET_ITEM(found, k++, number);
        }
    return found;
}

/* sole(leaves, positions, arrays, references): whether nobody else refers to these leaves and their arrays, so that the
   arrays' memory may be used again. `references`: how often the run itself refers to a leaf. */
PyObject *core_sole(PyObject *self, PyObject *const *args, Py_ssize_t nargs)
{
    if (nargs != 4 || !PyList_CheckExact(args[0]) || !PyTuple_CheckExact(args[1]) || !PyList_CheckExact(args[2])) {
        PyErr_SetString(PyExc_TypeError, "sole(leaves: list, positions: tuple, arrays: list, references: int)");
        return NULL;
    }
    Py_ssize_t references = PyLong_AsSsize_t(args[3]);
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(args[1]); i++) {
        Py_ssize_t n = PyLong_AsSsize_t(PyTuple_GET_ITEM(args[1], i));
        PyObject *leaf = PyList_GET_ITEM(args[0], n), *array = PyList_GET_ITEM(args[2], n);
        if (Py_REFCNT(leaf) > references || SLOT(leaf, at.value.data) != array || Py_REFCNT(array) > 2)
            Py_RETURN_FALSE;
    }
    Py_RETURN_TRUE;
}
