/* Starting a program whose inputs are all there: the twin of the middle of _run_fused in kilnn/engine/execute.py. */

#include "core.h"

/* The numbers of one kind that a program takes: all of them, or those at `used`. */
static PyObject *chosen_numbers(PyObject *numbers, PyObject *used, int whole)
{
    Py_ssize_t n = PyTuple_GET_SIZE(used);
    if (whole)
        return PyList_GetSlice(numbers, 0, n);
    PyObject *chosen = PyList_New(n);
    for (Py_ssize_t i = 0; chosen != NULL && i < n; i++) {
        Py_ssize_t place = PyLong_AsSsize_t(PyTuple_GET_ITEM(used, i));
        PyList_SET_ITEM(chosen, i, Py_NewRef(PyList_GET_ITEM(numbers, place)));
    }
    return chosen;
}

/* The packed numbers of one kind: those of the last run where they are equal, else a new array. */
static int add_vector(PyObject *args, PyObject *known, Py_ssize_t kind, PyObject *numbers, PyObject *used, int whole)
{
    PyObject *chosen = chosen_numbers(numbers, used, whole), *before = PyList_GET_ITEM(known, kind);
    if (chosen == NULL)
        return FAILED;
    int equal = before == Py_None ? 0 : PyObject_RichCompareBool(PyTuple_GET_ITEM(before, 0), chosen, Py_EQ);
    int outcome = FAILED;
    if (equal == 1) {
        PyObject *array = PyTuple_GET_ITEM(before, 1);
        if ((PyObject *)Py_TYPE(array) == engine.ndarray)
            outcome = LEAVE; /* met for the second time: Python puts it on the device */
        else
            outcome = PyList_Append(args, array);
    }
    else if (equal == 0) {
        PyObject *dtype = PyTuple_GET_ITEM(engine.vector_dtypes, kind);
        PyObject *array = PyObject_CallFunctionObjArgs(engine.make_array, chosen, dtype, NULL);
        PyObject *pair = array == NULL ? NULL : PyTuple_Pack(2, chosen, array);
        if (pair != NULL && PyList_SetItem(known, kind, pair) == 0)
            outcome = PyList_Append(args, array);
        Py_XDECREF(array);
    }
    Py_DECREF(chosen);
    return outcome;
}

static int add_leaves(PyObject *args, PyObject *leaves)
{
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(leaves); i++) {
        PyObject *leaf = PyList_GET_ITEM(leaves, i), *data = SLOT(leaf, at.value.data);
        if (data == Py_None || data == NULL)
            return LEAVE;
        if ((PyObject *)Py_TYPE(data) == engine.ndarray && PyLong_AsLong(SLOT(leaf, at.value.index)) == SEEN_ONCE)
            return LEAVE;
        if (PyList_Append(args, data) < 0)
            return FAILED;
    }
    return DONE;
}

/* A leaf on the host that is read again goes to the device. Noted only when nothing more is left to Python, which would
   take this reading for the second. */
static void note_readings(PyObject *leaves)
{
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(leaves); i++) {
        PyObject *leaf = PyList_GET_ITEM(leaves, i);
        if ((PyObject *)Py_TYPE(SLOT(leaf, at.value.data)) == engine.ndarray)
            put(leaf, at.value.index, engine.seen_once);
    }
}

/* Give the values what the program computed, and say that the trace is done. */
static int publish(PyObject *trace, PyObject *outputs, PyObject *targets)
{
    PyObject *fast = PySequence_Fast(outputs, "a program returns a sequence");
    if (fast == NULL)
        return FAILED;
    PyObject *values = SLOT(trace, at.trace.values);
    Py_ssize_t n = PyTuple_GET_SIZE(targets);
    if (PySequence_Fast_GET_SIZE(fast) != n) {
        Py_DECREF(fast);
        PyErr_SetString(PyExc_RuntimeError, "a program returned another number of results than it was made for");
        return FAILED;
    }
    for (Py_ssize_t i = 0; i < n; i++) {
        PyObject *value = PyList_GET_ITEM(values, PyLong_AsSsize_t(PyTuple_GET_ITEM(targets, i)));
        put(value, at.value.data, PySequence_Fast_GET_ITEM(fast, i));
    }
    put(trace, at.trace.done, Py_True);
    Py_DECREF(fast);
    return DONE;
}

/* Start the program of `bound` on what `trace` holds and publish its outputs; LEAVE: nothing was run. */
int start(PyObject *trace, PyObject *bound, PyObject **outputs)
{
    PyObject *all = SLOT(trace, at.trace.leaves), *places = SLOT(bound, at.bound.places);
    PyObject *donated = SLOT(bound, at.bound.donated), *given = PyList_New(0), *before = NULL;
    PyObject *leaves = places == Py_None ? Py_NewRef(all) : chosen_numbers(all, places, 0);
    int outcome = given == NULL || leaves == NULL ? FAILED : engine.swap_x64 == Py_None ? LEAVE : DONE;
    if (outcome == DONE)
        outcome = add_leaves(given, leaves);
    /* A leaf is held by the list of leaves, by the undo log, and by our list where that is another one. */
    Py_ssize_t own = leaves == all ? 2 : 3;
    for (Py_ssize_t i = 0; outcome == DONE && i < PyTuple_GET_SIZE(donated); i++) {
        Py_ssize_t n = PyLong_AsSsize_t(PyTuple_GET_ITEM(donated, i));
        if (Py_REFCNT(PyList_GET_ITEM(leaves, n)) > own || Py_REFCNT(PyList_GET_ITEM(given, n)) > 2)
            outcome = LEAVE;
    }
    PyObject *lists[3] = {SLOT(trace, at.trace.floats), SLOT(trace, at.trace.ints), SLOT(trace, at.trace.doubles)};
    for (Py_ssize_t k = 0; outcome == DONE && k < 3; k++) {
        PyObject *used = PyTuple_GET_ITEM(SLOT(bound, at.bound.numbers), k);
        int whole = PyTuple_GET_ITEM(SLOT(bound, at.bound.whole), k + 1) == Py_True;
        if (PyTuple_GET_SIZE(used))
            outcome = add_vector(given, SLOT(bound, at.bound.vectors), k, lists[k], used, whole);
    }
    if (outcome == DONE && (before = PyObject_CallOneArg(engine.swap_x64, Py_True)) == NULL)
        outcome = FAILED;
    if (outcome == DONE) {
        note_readings(leaves);
        PyObject *call = SLOT(SLOT(bound, at.bound.program), at.program.call);
        *outputs = PyObject_Vectorcall(call, ((PyListObject *)given)->ob_item, PyList_GET_SIZE(given), NULL);
        outcome = *outputs == NULL ? FAILED : publish(trace, *outputs, SLOT(bound, at.bound.main_live));
        PyObject *type, *error, *traceback;
        PyErr_Fetch(&type, &error, &traceback);
        PyObject *restored = PyObject_CallOneArg(engine.set_x64, before);
        if (type != NULL)
            PyErr_Restore(type, error, traceback);
        else if (restored == NULL)
            outcome = FAILED;
        Py_XDECREF(restored);
        Py_DECREF(before);
        if (outcome == FAILED)
            Py_CLEAR(*outputs);
    }
    Py_XDECREF(given);
    Py_XDECREF(leaves);
    return outcome;
}

/* start(trace, bound): the outputs of the bound's program; None where it is left to Python, and then nothing was run. */
PyObject *core_start(PyObject *self, PyObject *const *args, Py_ssize_t nargs)
{
    if (nargs != 2 || !ready || Py_TYPE(args[0]) != engine.Trace) {
        PyErr_SetString(PyExc_TypeError, "start(trace, bound)");
        return NULL;
    }
    PyObject *outputs = NULL;
    int outcome = start(args[0], args[1], &outputs);
    return outcome == FAILED ? NULL : outcome == LEAVE ? Py_NewRef(Py_None) : outputs;
}
