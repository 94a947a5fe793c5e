/* The backward walk: the twins of Walk._discover and Walk.run in kilnn/engine/backward.py. */

#include "core.h"

#include <stdlib.h>

typedef struct {
    Py_ssize_t sequence;
    PyObject *node;
} Found;

static int older(const void *a, const void *b)
{
    Py_ssize_t x = ((const Found *)a)->sequence, y = ((const Found *)b)->sequence;
    return (x > y) - (x < y);
}

static int count_wait(PyObject *waits, PyObject *leaf)
{
    PyObject *before = PyDict_GetItemWithError(waits, leaf);
    if (before == NULL && PyErr_Occurred())
        return -1;
    PyObject *number = PyLong_FromSsize_t(before == NULL ? 1 : PyLong_AsSsize_t(before) + 1);
    int status = number == NULL ? -1 : PyDict_SetItem(waits, leaf, number);
    Py_XDECREF(number);
    return status;
}

/* discover(roots, mark, waits): every node that the roots lead to, oldest first; `waits` counts the edges that end in
   each leaf. `mark` is an object of its own for each walk. */
PyObject *core_discover(PyObject *self, PyObject *const *args, Py_ssize_t nargs)
{
    if (nargs != 3 || !PyList_CheckExact(args[0]) || !PyDict_CheckExact(args[2])) {
        PyErr_SetString(PyExc_TypeError, "discover(roots: list, mark: int, waits: dict)");
        return NULL;
    }
    PyObject *mark = args[1], *waits = args[2], *list = NULL;
    PyObject *stack = PyList_GetSlice(args[0], 0, PyList_GET_SIZE(args[0]));
    Found *found = NULL;
    Py_ssize_t n = 0, room = 0;
    if (stack == NULL)
        return NULL;
    while (PyList_GET_SIZE(stack)) {
        Py_ssize_t top = PyList_GET_SIZE(stack) - 1;
        PyObject *node = Py_NewRef(PyList_GET_ITEM(stack, top));
        if (PyList_SetSlice(stack, top, top + 1, NULL) < 0) {
            Py_DECREF(node);
            goto done;
        }
        if (SLOT(node, at.node.mark) == mark) {
            Py_DECREF(node);
            continue;
        }
        put(node, at.node.mark, mark);
        if (n == room) {
            room = room ? 2 * room : 64;
            Found *grown = realloc(found, room * sizeof(Found));
            if (grown == NULL) {
                Py_DECREF(node);
                PyErr_NoMemory();
                goto done;
            }
            found = grown;
        }
        found[n].sequence = PyLong_AsSsize_t(SLOT(node, at.node.sequence));
        found[n++].node = node;
        PyObject *edges = SLOT(node, at.node.edges);
        for (Py_ssize_t i = 0; i < PyList_GET_SIZE(edges); i += 2) {
            PyObject *target = PyList_GET_ITEM(edges, i);
            if (target == Py_None)
                continue;
            if (Py_TYPE(target) != engine.Node && is_tensor(target)) {
                if (count_wait(waits, target) < 0)
                    goto done;
            }
            else if (SLOT(target, at.node.mark) != mark && PyList_Append(stack, target) < 0)
                goto done;
        }
    }
    if (n > 1)
        qsort(found, n, sizeof(Found), older);
    list = PyList_New(n);
    for (Py_ssize_t i = 0; list != NULL && i < n; i++)
        PyList_SET_ITEM(list, i, Py_NewRef(found[i].node));
done:
    for (Py_ssize_t i = 0; i < n; i++)
        Py_DECREF(found[i].node);
    free(found);
    Py_DECREF(stack);
    return list;
}

/* 0 when a saved tensor was written to since. */
static int unchanged(PyObject *node)
{
    PyObject *counters = SLOT(node, at.node.counters), *versions = SLOT(node, at.node.versions);
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(counters); i++) {
        PyObject *counter = PyList_GET_ITEM(counters, i);
        Py_ssize_t place = Py_TYPE(counter) == engine.Counter ? at.counter.version : at.storage.version;
        PyObject *now = SLOT(counter, place), *then = PyList_GET_ITEM(versions, i);
        if (now != then && PyObject_RichCompareBool(now, then, Py_EQ) != 1)
            return 0;
    }
    return 1;
}

/* Node.free */
static int release(PyObject *node)
{
    PyObject *counters = SLOT(node, at.node.counters), *versions = SLOT(node, at.node.versions);
    put(node, at.node.saved, Py_None);
    if (PyList_SetSlice(counters, 0, PyList_GET_SIZE(counters), NULL) < 0)
        return -1;
    return PyList_SetSlice(versions, 0, PyList_GET_SIZE(versions), NULL);
}

/* Hand a gradient on, when it is the only one so far; else LEAVE. */
static int give(PyObject *target, PyObject *gradient, PyObject *cotangents, PyObject *sums, PyObject *waits)
{
    if (Py_TYPE(target) == engine.Node) {
        PyObject *entry = SLOT(SLOT(target, at.node.plan), at.plan.entry);
        if (PyLong_AsSsize_t(SLOT(entry, at.entry.nout)) != 1 || PyDict_GetItemWithError(cotangents, target) != NULL)
            return LEAVE;
        return PyErr_Occurred() || PyDict_SetItem(cotangents, target, gradient) < 0 ? FAILED : DONE;
    }
    if (!is_tensor(target) || SLOT(target, at.handle.leaf) != Py_True || SLOT(target, at.handle.grad) != Py_None
        || SLOT(target, at.handle.extra) != Py_None)
        return LEAVE;
    PyObject *left = PyDict_GetItemWithError(waits, target);
    if (left == NULL || PyLong_AsSsize_t(left) != 1 || PyDict_GetItemWithError(sums, target) != NULL)
        return PyErr_Occurred() ? FAILED : LEAVE;
    PyObject *tensor = new_tensor(gradient, Py_None, engine.zero);
    if (tensor == NULL)
        return FAILED;
    put(target, at.handle.grad, tensor);
    Py_DECREF(tensor);
    return PyDict_SetItem(waits, target, engine.zero);
}

/* One node whose only cotangent is that of its first output: append its gradients and hand them on. */
static int visit(PyObject *walk, PyObject *context, PyObject *node, PyObject *ct, int retain, PyObject *cotangents,
                 PyObject *sums, PyObject *waits)
{
    static PyObject *give_name;
    if (give_name == NULL && (give_name = PyUnicode_InternFromString("_give")) == NULL)
        return FAILED;
    if (Py_TYPE(node) != engine.Node || SLOT(node, at.node.hooks) != Py_None)
        return LEAVE;
    PyObject *plan = SLOT(node, at.node.plan), *saved = SLOT(node, at.node.saved);
    if (SLOT(plan, at.plan.plain) != Py_True || saved == Py_None || !unchanged(node))
        return LEAVE;
    PyObject *first = ct;
    if (PyList_CheckExact(ct)) {
        first = PyList_GET_ITEM(ct, 0);
        for (Py_ssize_t j = 0; j < PyList_GET_SIZE(ct); j++)
            if ((PyList_GET_ITEM(ct, j) == Py_None) == (j == 0))
                return LEAVE; /* no gradient of the first output, or one of another */
    }
    PyObject *trace = SLOT(context, at.context.trace), *backward = SLOT(plan, at.plan.backward);
    Py_ssize_t n = PySequence_Fast_GET_SIZE(saved) + 1, nout = PyLong_AsSsize_t(SLOT(backward, at.entry.nout));
    if (trace == Py_None || n > MAX_OPERANDS || nout > MAX_OPERANDS || SLOT(trace, at.trace.sealed) != Py_False
        || SLOT(trace, at.trace.immediate) != Py_False || SLOT(context, at.context.eager) != Py_False
        || !begun(trace)
        || PyList_GET_SIZE(SLOT(trace, at.trace.values)) >= PyLong_AsSsize_t(SLOT(trace, at.trace.limit)))
        return LEAVE;
    PyObject *operands[MAX_OPERANDS], *outs[MAX_OPERANDS];
    operands[0] = first;
    for (Py_ssize_t i = 1; i < n; i++)
        operands[i] = PySequence_Fast_GET_ITEM(saved, i - 1);
    int outcome = commit(trace, backward, operands, outs);
    if (outcome != DONE)
        return outcome;
    if (!retain && SLOT(plan, at.plan.frees) == Py_True && release(node) < 0)
        outcome = FAILED;
    PyObject *edges = SLOT(node, at.node.edges);
    for (Py_ssize_t i = 0; i < nout; i++) {
        PyObject *target = PyList_GET_ITEM(edges, 2 * i);
        if (outcome == DONE && target != Py_None) {
            int given = give(target, outs[i], cotangents, sums, waits);
            if (given == LEAVE) {
                PyObject *done = PyObject_CallMethodObjArgs(walk, give_name, target, PyList_GET_ITEM(edges, 2 * i + 1),
                                                            outs[i], NULL);
                given = done == NULL ? FAILED : DONE;
                Py_XDECREF(done);
            }
            outcome = given;
        }
        Py_DECREF(outs[i]);
    }
    return outcome;
}

/* walk(walk, context, nodes, retain, cotangents, sums, waits): visit every node, newest first. */
PyObject *core_walk(PyObject *self, PyObject *const *args, Py_ssize_t nargs)
{
    static PyObject *visit_name;
    if (nargs != 7 || !PyList_CheckExact(args[2])) {
        PyErr_SetString(PyExc_TypeError, "walk(walk, context, nodes: list, retain, cotangents, sums, waits)");
        return NULL;
    }
    if (visit_name == NULL && (visit_name = PyUnicode_InternFromString("_visit")) == NULL)
        return NULL;
    PyObject *nodes = args[2], *cotangents = args[4];
    int retain = PyObject_IsTrue(args[3]);
    while (PyList_GET_SIZE(nodes)) {
        Py_ssize_t top = PyList_GET_SIZE(nodes) - 1;
        PyObject *node = Py_NewRef(PyList_GET_ITEM(nodes, top));
        PyObject *ct = PyList_SetSlice(nodes, top, top + 1, NULL) < 0 ? NULL : PyDict_GetItemWithError(cotangents, node);
        int outcome = DONE;
        if (ct == NULL)
            outcome = PyErr_Occurred() ? FAILED : DONE;
        else {
            Py_INCREF(ct);
            outcome = PyDict_DelItem(cotangents, node);
            if (outcome == DONE)
                outcome = visit(args[0], args[1], node, ct, retain, cotangents, args[5], args[6]);
            if (outcome == LEAVE) {
                PyObject *done = PyObject_CallMethodObjArgs(args[0], visit_name, node, ct, NULL);
                outcome = done == NULL ? FAILED : DONE;
                Py_XDECREF(done);
            }
            Py_DECREF(ct);
        }
        Py_DECREF(node);
        if (outcome != DONE)
            return NULL;
        if (PyErr_CheckSignals() < 0)
            return NULL;
    }
    Py_RETURN_NONE;
}
