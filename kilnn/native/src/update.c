/* The loops over parameters of an optimizer's step: the twins are in kilnn/engine/update.py and kilnn/optim/optimizer.py. */

#include "core.h"

/* The Values of the gradients of `params`; NULL without an exception when a parameter is out of line. */
static PyObject *gradients_of(PyObject *params, PyObject *storages, PyObject *avals)
{
    Py_ssize_t n = PyList_GET_SIZE(params);
    PyObject *found = PyList_New(n);
    for (Py_ssize_t i = 0; found != NULL && i < n; i++) {
        PyObject *p = PyList_GET_ITEM(params, i), *grad = SLOT(p, at.handle.grad), *value = NULL;
        if (SLOT(p, at.handle.storage) == PyList_GET_ITEM(storages, i) && SLOT(p, at.handle.leaf) == Py_True
            && grad != Py_None && is_tensor(grad) && SLOT(grad, at.handle.view) == Py_None)
            value = storage_value(SLOT(grad, at.handle.storage));
        if (value == NULL || SLOT(value, at.value.aval) != PyList_GET_ITEM(avals, i)) {
            Py_XDECREF(value);
            Py_CLEAR(found);
        }
        else
            PyList_SET_ITEM(found, i, value);
    }
    return found;
}

static int is_bundle(PyObject *x)
{
    return ready && Py_TYPE(x) == engine.Bundle;
}

static int same_storages(PyObject *params, PyObject *storages)
{
    Py_ssize_t n = PyList_GET_SIZE(params), i = 0;
    while (i < n && i < PyList_GET_SIZE(storages)
           && SLOT(PyList_GET_ITEM(params, i), at.handle.storage) == PyList_GET_ITEM(storages, i))
        i++;
    return i == n && n == PyList_GET_SIZE(storages);
}

/* Whether somebody wrote to a part of a bundle's flat storages from outside (Bundle.broken). */
static int broken(PyObject *bundle)
{
    PyObject *weight = SLOT(bundle, at.bundle.weight), *key, *storage;
    if (Py_TYPE(weight) != engine.FlatStorage)
        return 0;
    int found = SLOT(weight, at.flat.broken) != Py_False;
    Py_ssize_t position = 0;
    while (!found && PyDict_Next(SLOT(bundle, at.bundle.state), &position, &key, &storage))
        found = SLOT(storage, at.flat.broken) != Py_False;
    return found;
}

/* intact(bundles): whether every parameter still has its storage and nobody wrote to the flat ones from outside. */
PyObject *core_intact(PyObject *self, PyObject *bundles)
{
    if (!PyList_CheckExact(bundles)) {
        PyErr_SetString(PyExc_TypeError, "intact(bundles: list)");
        return NULL;
    }
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(bundles); i++) {
        PyObject *bundle = PyList_GET_ITEM(bundles, i);
        if (!is_bundle(bundle) || broken(bundle) || !same_storages(SLOT(bundle, at.bundle.params), SLOT(bundle, at.bundle.storages)))
            Py_RETURN_FALSE;
    }
    Py_RETURN_TRUE;
}

/* ready(bundles, params, storages): see update._ready */
PyObject *core_ready(PyObject *self, PyObject *const *args, Py_ssize_t nargs)
{
    if (nargs != 3 || !PyList_CheckExact(args[0]) || !PyList_CheckExact(args[2])) {
        PyErr_SetString(PyExc_TypeError, "ready(bundles: list, params: list, storages: list)");
        return NULL;
    }
    if (!PyList_CheckExact(args[1]))
        Py_RETURN_NONE;
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(args[1]); i++)
        if (!is_tensor(PyList_GET_ITEM(args[1], i)))
            Py_RETURN_NONE;
    if (!same_storages(args[1], args[2]))
        Py_RETURN_NONE;
    PyObject *bundles = args[0];
    Py_ssize_t n = PyList_GET_SIZE(bundles);
    PyObject *all = PyList_New(n);
    for (Py_ssize_t i = 0; all != NULL && i < n; i++) {
        PyObject *bundle = PyList_GET_ITEM(bundles, i), *pair = NULL;
        PyObject *found = !is_bundle(bundle) || broken(bundle) ? NULL
            : gradients_of(SLOT(bundle, at.bundle.params), SLOT(bundle, at.bundle.storages), SLOT(bundle, at.bundle.avals));
        if (found != NULL) {
            pair = PyTuple_Pack(2, bundle, found);
            Py_DECREF(found);
        }
        if (pair == NULL)
            Py_CLEAR(all);
        else
            PyList_SET_ITEM(all, i, pair);
    }
    return all != NULL || PyErr_Occurred() ? all : Py_NewRef(Py_None);
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

/* Let each gradient read its part of a flat Value; the gradients are known to have no views. */
static int spread(PyObject *params, PyObject *flat, PyObject *offsets, PyObject *avals)
{
    int status = 0;
    for (Py_ssize_t i = 0; status == 0 && i < PyList_GET_SIZE(params); i++) {
        PyObject *storage = SLOT(SLOT(PyList_GET_ITEM(params, i), at.handle.grad), at.handle.storage);
        PyObject *range = new_range(flat, PyList_GET_ITEM(offsets, i), PyList_GET_ITEM(avals, i));
        status = range == NULL ? -1 : set_value(storage, range);
        Py_XDECREF(range);
    }
    return status;
}

/* spread(params, flat, offsets, avals) */
PyObject *core_spread(PyObject *self, PyObject *const *args, Py_ssize_t nargs)
{
    if (nargs != 4 || !PyList_CheckExact(args[0]) || !PyList_CheckExact(args[2]) || !PyList_CheckExact(args[3])) {
        PyErr_SetString(PyExc_TypeError, "spread(params: list, flat, offsets: list, avals: list)");
        return NULL;
    }
    return spread(args[0], args[1], args[2], args[3]) < 0 ? NULL : Py_NewRef(Py_None);
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

/* What an update's results replace: note which leaves may be reused and how to undo it, give each storage its new value,
   and raise the versions of `written`. */
static int replace(PyObject *trace, PyObject *const *storages, PyObject *const *old, PyObject *const *outs, Py_ssize_t n,
                   PyObject *written)
{
    PyObject *slots = SLOT(trace, at.trace.leaf_slot), *donated = SLOT(trace, at.trace.donated);
    PyObject *undo = SLOT(trace, at.trace.undo);
    for (Py_ssize_t i = 0; i < n; i++) {
        PyObject *pair = PyTuple_Pack(2, storages[i], old[i]);
        PyObject *slot = pair == NULL ? NULL : PyDict_GetItemWithError(slots, old[i]);
        int status = PyErr_Occurred() ? -1 : PyList_Append(undo, pair);
        if (status == 0 && slot != NULL && PyLong_AsSsize_t(slot) < 0) {
            PyObject *place = PyLong_FromSsize_t(-1 - PyLong_AsSsize_t(slot));
            status = place == NULL ? -1 : PyList_Append(donated, place);
            Py_XDECREF(place);
        }
        Py_XDECREF(pair);
        if (status < 0 || set_value(storages[i], outs[i]) < 0)
            return -1;
        if (Py_TYPE(storages[i]) == engine.FlatStorage)
            forget_reads(SLOT(storages[i], at.flat.parts));
    }
    return count_write(written);
}

/* replace(trace, storages, old, outs, written) */
PyObject *core_replace(PyObject *self, PyObject *const *args, Py_ssize_t nargs)
{
    int fits = nargs == 5;
    for (int i = 1; fits && i < 5; i++)
        fits = PyList_CheckExact(args[i]);
    Py_ssize_t n = fits ? PyList_GET_SIZE(args[1]) : 0;
    if (!fits || PyList_GET_SIZE(args[2]) != n || PyList_GET_SIZE(args[3]) != n) {
        PyErr_SetString(PyExc_TypeError, "replace(trace, storages: list, old: list, outs: list, written: list)");
        return NULL;
    }
    PyObject *const *storages = PySequence_Fast_ITEMS(args[1]), *const *old = PySequence_Fast_ITEMS(args[2]);
    if (replace(args[0], storages, old, PySequence_Fast_ITEMS(args[3]), n, args[4]) < 0)
        return NULL;
    Py_RETURN_NONE;
}

/* Whether the gradients are values still to be computed by several instructions of this trace. */
static int pending_here(PyObject *gradients, PyObject *trace)
{
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(gradients); i++) {
        PyObject *g = PyList_GET_ITEM(gradients, i);
        if (Py_TYPE(g) != engine.Value || SLOT(g, at.value.data) != Py_None || SLOT(g, at.value.trace) != trace)
            return 0;
    }
    PyObject *instr = SLOT(PyList_GET_ITEM(gradients, 0), at.value.instr);
    PyObject *entry = PyTuple_CheckExact(instr) ? PyDict_GetItemWithError(engine.heads, PyTuple_GET_ITEM(instr, 0)) : NULL;
    return entry != NULL && SLOT(entry, at.entry.end_to_end) == Py_False;
}

/* The gradient of a whole bundle (update.flat_gradient); *made is a new reference. */
static int whole_gradient(PyObject *bundle, PyObject *gradients, PyObject *trace, PyObject **made)
{
    PyObject *params = SLOT(bundle, at.bundle.params), *pack = SLOT(bundle, at.bundle.pack);
    if (PyList_GET_SIZE(params) == 1) {
        *made = Py_NewRef(PyList_GET_ITEM(gradients, 0));
        return DONE;
    }
    if (pack == Py_None || !pending_here(gradients, trace)) {
        *made = PyObject_CallFunctionObjArgs(engine.flat_gradient, bundle, gradients, Py_True, NULL);
        return *made == NULL ? FAILED : DONE;
    }
    int outcome = commit(trace, pack, PySequence_Fast_ITEMS(gradients), made);
    if (outcome == DONE && spread(params, *made, SLOT(bundle, at.bundle.offsets), SLOT(bundle, at.bundle.avals)) < 0) {
        Py_CLEAR(*made);
        outcome = FAILED;
    }
    return outcome;
}

/* The entry that was used for the bundle before, where it fits these weights, gradients and numbers (the first half of
   update._update_entry); borrowed. `states`: how many the rule takes, `apart`: how many of them have a storage of their
   own. */
static PyObject *known_entry(PyObject *bundle, PyObject *rule, PyObject *attributes, Py_ssize_t states, Py_ssize_t apart,
                             PyObject *weight, PyObject *gradients, PyObject *scalars)
{
    if (SLOT(bundle, at.bundle.pack) == Py_None
        && SLOT(PyList_GET_ITEM(gradients, 0), at.value.aval) != SLOT(bundle, at.bundle.part))
        return NULL;
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(scalars); i++)
        if (!PyFloat_CheckExact(PyTuple_GET_ITEM(scalars, i)))
            return NULL;
    PyObject *key = Py_BuildValue("(OOnn)", rule, attributes, states, apart);
    PyObject *entry = key == NULL ? NULL : PyDict_GetItemWithError(SLOT(bundle, at.bundle.entries), key);
    Py_XDECREF(key);
    return entry != NULL && PyTuple_GET_ITEM(SLOT(entry, at.entry.in_avals), 0) == SLOT(weight, at.value.aval) ? entry : NULL;
}

/* update(rule, bundle, names, scalars, attributes, gradients): update.record_update where the bundle was updated so before;
   False: left to Python. */
PyObject *core_update(PyObject *self, PyObject *const *args, Py_ssize_t nargs)
{
    if (nargs != 6 || !is_bundle(args[1]) || !PyTuple_CheckExact(args[2]) || !PyTuple_CheckExact(args[3])
        || !PyList_CheckExact(args[5])) {
        PyErr_SetString(PyExc_TypeError, "update(rule, bundle, names: tuple, scalars: tuple, attributes, gradients: list)");
        return NULL;
    }
    PyObject *bundle = args[1], *names = args[2], *scalars = args[3], *gradients = args[5], *entry = NULL, *trace = NULL;
    PyObject *first = PyList_GET_ITEM(SLOT(bundle, at.bundle.params), 0), *together = SLOT(bundle, at.bundle.together);
    if (PyTuple_GET_SIZE(together) && PyObject_RichCompareBool(together, names, Py_EQ) != 1)
        Py_RETURN_FALSE;
    PyObject *context = context_now();
    Py_ssize_t apart = PyTuple_GET_SIZE(together) ? 0 : PyTuple_GET_SIZE(names), states = apart + 1;
    Py_ssize_t n = states + 1 + PyTuple_GET_SIZE(scalars), held = 0;
    PyObject *storages[MAX_OPERANDS], *operands[MAX_OPERANDS], *old[MAX_OPERANDS], *outs[MAX_OPERANDS];
    int outcome = context == NULL ? FAILED : n > MAX_OPERANDS || SLOT(first, at.handle.view) != Py_None ? LEAVE : DONE;
    if (outcome == DONE) {
        trace = Py_NewRef(SLOT(context, at.context.trace));
        outcome = trace == Py_None || !begun(trace) || SLOT(trace, at.trace.sealed) != Py_False ? LEAVE : DONE;
    }
    for (; outcome == DONE && held < states; held++) {
        storages[held] = held == 0 ? SLOT(bundle, at.bundle.weight)
            : PyDict_GetItemWithError(SLOT(bundle, at.bundle.state), PyTuple_GET_ITEM(names, held - 1));
        old[held] = storages[held] == NULL ? NULL : storage_value(storages[held]);
        if (old[held] == NULL) {
            outcome = PyErr_Occurred() ? FAILED : LEAVE;
            break;
        }
        operands[held + (held > 0)] = old[held];
    }
    operands[1] = NULL;
    if (outcome == DONE) {
        entry = known_entry(bundle, args[0], args[4], PyTuple_GET_SIZE(names), apart, old[0], gradients, scalars);
        outcome = entry != NULL ? whole_gradient(bundle, gradients, trace, &operands[1]) : PyErr_Occurred() ? FAILED : LEAVE;
    }
    for (Py_ssize_t i = states + 1; i < n; i++)
        operands[i] = PyTuple_GET_ITEM(scalars, i - states - 1);
    if (outcome == DONE)
        outcome = commit(trace, entry, operands, outs);
    if (outcome == DONE) {
        put(trace, at.trace.has_update, Py_True);
        if (PyList_Append(SLOT(trace, at.trace.bundles), bundle) < 0
            || replace(trace, storages, old, outs, states, SLOT(bundle, at.bundle.storages)) < 0)
            outcome = FAILED;
        for (Py_ssize_t i = 0; i < states; i++)
            Py_DECREF(outs[i]);
    }
    while (held > 0)
        Py_DECREF(old[--held]);
    Py_XDECREF(operands[1]);
    Py_XDECREF(trace);
    Py_XDECREF(context);
    return outcome == FAILED ? NULL : PyBool_FromLong(outcome == DONE);
}

/* clear_gradients(params): set .grad to None. */
PyObject *core_clear_gradients(PyObject *self, PyObject *params)
{
    PyObject *fast = PySequence_Fast(params, "clear_gradients(params: sequence)");
    if (fast == NULL)
        return NULL;
    for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(fast); i++) {
        PyObject *p = PySequence_Fast_GET_ITEM(fast, i);
        if (is_tensor(p))
            put(p, at.handle.grad, Py_None);
    }
    Py_DECREF(fast);
    Py_RETURN_NONE;
}
