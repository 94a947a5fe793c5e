/* The backward walk: the twin of Walk in kilnn/engine/backward.py, from one root on its own or from Walk.run. */

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

/* Every node that the roots lead to, oldest first; `waits` counts the edges that end in each leaf. `mark` is an object of
   its own for each walk. Takes the stack over; a new list. */
static PyObject *discover(PyObject *stack, PyObject *mark, PyObject *waits)
{
    PyObject *list = NULL;
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

/* discover(roots, mark, waits) */
PyObject *core_discover(PyObject *self, PyObject *const *args, Py_ssize_t nargs)
{
    if (nargs != 3 || !PyList_CheckExact(args[0]) || !PyDict_CheckExact(args[2])) {
        PyErr_SetString(PyExc_TypeError, "discover(roots: list, mark: int, waits: dict)");
        return NULL;
    }
    return discover(PyList_GetSlice(args[0], 0, PyList_GET_SIZE(args[0])), args[1], args[2]);
}

/* 0 when a saved tensor was written to since. */
static int unchanged(PyObject *node)
{
    PyObject *counters = SLOT(node, at.node.counters), *versions = SLOT(node, at.node.versions);
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(counters); i++) {
        PyObject *counter = PyTuple_GET_ITEM(counters, i);
        Py_ssize_t place = Py_TYPE(counter) == engine.Counter ? at.counter.version : at.storage.version;
        PyObject *now = SLOT(counter, place), *then = PyTuple_GET_ITEM(versions, i);
        if (now != then && PyObject_RichCompareBool(now, then, Py_EQ) != 1)
            return 0;
    }
    return 1;
}

/* Node.free */
static void release(PyObject *node)
{
    put(node, at.node.saved, Py_None);
    put(node, at.node.counters, engine.empty);
    put(node, at.node.versions, engine.empty);
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

/* A walk in progress. `python`: the Walk that takes what is left to Python, made when there is such. */
typedef struct {
    PyObject *python, *context, *nodes, *cotangents, *sums, *waits;
    int retain;
} Walk;

/* Call a method of the Python twin. */
static int in_python(Walk *walk, PyObject **known, const char *method, PyObject *a, PyObject *b, PyObject *c)
{
    if (walk->python == NULL)
        walk->python = PyObject_CallFunctionObjArgs(engine.continue_walk, walk->nodes, walk->cotangents, walk->sums,
                                                    walk->waits, NULL);
    if (*known == NULL)
        *known = PyUnicode_InternFromString(method);
    if (walk->python == NULL || *known == NULL)
        return FAILED;
    PyObject *done = PyObject_CallMethodObjArgs(walk->python, *known, a, b, c, NULL);
    Py_XDECREF(done);
    return done == NULL ? FAILED : DONE;
}

/* One node whose only cotangent is that of its first output: append its gradients and hand them on. */
static int visit(Walk *walk, PyObject *node, PyObject *ct)
{
    static PyObject *give_name;
    PyObject *context = walk->context;
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
    if (!walk->retain && SLOT(plan, at.plan.frees) == Py_True)
        release(node);
    PyObject *edges = SLOT(node, at.node.edges);
    for (Py_ssize_t i = 0; i < nout; i++) {
        PyObject *target = PyList_GET_ITEM(edges, 2 * i);
        if (outcome == DONE && target != Py_None) {
            outcome = give(target, outs[i], walk->cotangents, walk->sums, walk->waits);
            if (outcome == LEAVE)
                outcome = in_python(walk, &give_name, "_give", target, PyList_GET_ITEM(edges, 2 * i + 1), outs[i]);
        }
        Py_DECREF(outs[i]);
    }
    return outcome;
}

/* Visit every node, newest first. */
static int visit_all(Walk *walk)
{
    static PyObject *visit_name;
    PyObject *nodes = walk->nodes;
    while (PyList_GET_SIZE(nodes)) {
        Py_ssize_t top = PyList_GET_SIZE(nodes) - 1;
        PyObject *node = Py_NewRef(PyList_GET_ITEM(nodes, top)), *ct = NULL;
        int outcome = PyList_SetSlice(nodes, top, top + 1, NULL);
        if (outcome == DONE && (ct = PyDict_GetItemWithError(walk->cotangents, node)) == NULL && PyErr_Occurred())
            outcome = FAILED;
        if (outcome == DONE && ct != NULL) {
            Py_INCREF(ct);
            outcome = PyDict_DelItem(walk->cotangents, node);
            if (outcome == DONE)
                outcome = visit(walk, node, ct);
            if (outcome == LEAVE)
                outcome = in_python(walk, &visit_name, "_visit", node, ct, NULL);
            Py_DECREF(ct);
        }
        Py_DECREF(node);
        if (outcome != DONE || PyErr_CheckSignals() < 0)
            return FAILED;
    }
    return DONE;
}

/* walk(walk, context, nodes, retain, cotangents, sums, waits): visit every node, newest first. */
PyObject *core_walk(PyObject *self, PyObject *const *args, Py_ssize_t nargs)
{
    if (nargs != 7 || !PyList_CheckExact(args[2])) {
        PyErr_SetString(PyExc_TypeError, "walk(walk, context, nodes: list, retain, cotangents, sums, waits)");
        return NULL;
    }
    Walk walk = {args[0], args[1], args[2], args[4], args[5], args[6], PyObject_IsTrue(args[3])};
    if (visit_all(&walk) < 0)
        return NULL;
    Py_RETURN_NONE;
}

/* The gradient of a root that is a single number with a node of its own, where the pass has no other wishes; borrowed. */
static PyObject *seed_of(PyObject *root)
{
    if (!ready || (PyObject *)Py_TYPE(root) != engine.tensor_class || SLOT(root, at.handle.view) != Py_None
        || SLOT(root, at.handle.node) == Py_None || Py_TYPE(SLOT(root, at.handle.node)) != engine.Node
        || PyDict_GET_SIZE(engine.detached) || Py_TYPE(SLOT(root, at.handle.storage)) != engine.Storage)
        return NULL;
    PyObject *mode = PyList_GET_ITEM(engine.anomaly_modes, PyList_GET_SIZE(engine.anomaly_modes) - 1);
    if (PyTuple_GET_ITEM(mode, 0) != Py_False)
        return NULL;
    PyObject *value = SLOT(SLOT(root, at.handle.storage), at.storage.value);
    return PyDict_GetItemWithError(engine.seeds, SLOT(value, at.value.aval));
}

/* A pass begins at this value. */
static int note_root(PyObject *value)
{
    PyObject *trace = SLOT(value, at.value.trace);
    if (SLOT(value, at.value.data) != Py_None || trace == Py_None)
        return DONE;
    return PyList_Append(SLOT(trace, at.trace.roots), SLOT(value, at.value.index));
}

/* backward(root): True when the gradients of this one root have reached every leaf; False: left to Python. */
PyObject *core_backward(PyObject *self, PyObject *root)
{
    static PyObject *finish_name;
    PyObject *seed = seed_of(root), *mark = NULL, *stack = NULL;
    if (seed == NULL)
        return PyErr_Occurred() ? NULL : Py_NewRef(Py_False);
    PyObject *node = SLOT(root, at.handle.node);
    Walk walk = {.context = context_now(), .cotangents = PyDict_New(), .sums = PyDict_New(), .waits = PyDict_New()};
    int outcome = FAILED;
    if (walk.context == NULL || walk.cotangents == NULL || walk.sums == NULL || walk.waits == NULL)
        goto done;
    mark = Py_TYPE(engine.marks)->tp_iternext(engine.marks);
    stack = mark == NULL ? NULL : PyList_New(1);
    if (stack == NULL)
        goto done;
    PyList_SET_ITEM(stack, 0, Py_NewRef(node));
    walk.nodes = discover(stack, mark, walk.waits);
    if (walk.nodes == NULL || note_root(SLOT(SLOT(root, at.handle.storage), at.storage.value)) < 0)
        goto done;
    Py_ssize_t nout = PyLong_AsSsize_t(SLOT(SLOT(SLOT(node, at.node.plan), at.plan.entry), at.entry.nout));
    PyObject *ct = nout == 1 ? Py_NewRef(seed) : PyList_New(nout);
    for (Py_ssize_t j = 0; ct != NULL && nout > 1 && j < nout; j++)
        PyList_SET_ITEM(ct, j, Py_NewRef(j == PyLong_AsSsize_t(SLOT(root, at.handle.output)) ? seed : Py_None));
    outcome = ct == NULL ? FAILED : PyDict_SetItem(walk.cotangents, node, ct);
    Py_XDECREF(ct);
    PyObject *grad = Py_NewRef(SLOT(walk.context, at.context.grad));
    put(walk.context, at.context.grad, Py_False);
    if (outcome == DONE)
        outcome = visit_all(&walk);
    if (outcome == DONE && walk.python != NULL)
        outcome = in_python(&walk, &finish_name, "_finish_open_leaves", NULL, NULL, NULL);
    put(walk.context, at.context.grad, grad);
    Py_DECREF(grad);
    PyObject *trace = SLOT(walk.context, at.context.trace);
    if (trace != Py_None)
        put(trace, at.trace.grad_open, Py_False);
done:
    Py_XDECREF(mark);
    Py_XDECREF(walk.python);
    Py_XDECREF(walk.context);
    Py_XDECREF(walk.nodes);
    Py_XDECREF(walk.cotangents);
    Py_XDECREF(walk.sums);
    Py_XDECREF(walk.waits);
    return outcome == DONE ? Py_NewRef(Py_True) : NULL;
}
