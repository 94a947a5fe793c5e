/* Recording an operation: the twin of kilnn.engine.record.record and kilnn.engine.emit.commit. */

#include "core.h"

PyObject *context_now(void)
{
    static PyObject *name, *last;
    static uint64_t last_thread; /* numbers of threads are never used again */
    uint64_t thread = PyThreadState_GetID(PyThreadState_Get());
    if (last != NULL && thread == last_thread)
        return Py_NewRef(last);
    if (name == NULL && (name = PyUnicode_InternFromString("context")) == NULL)
        return NULL;
    PyObject *context = PyObject_GetAttr(engine.local, name);
    if (context != NULL) {
        Py_XSETREF(last, Py_NewRef(context));
        last_thread = thread;
    }
    return context;
}

PyObject *new_range(PyObject *flat_value, PyObject *offset, PyObject *aval)
{
    PyObject *made = new_object(engine.RangeValue);
    if (made == NULL)
        return NULL;
    put(made, at.value.aval, aval);
    put(made, at.value.data, Py_None);
    put(made, at.value.trace, Py_None);
    put(made, at.value.index, engine.minus_one);
    put(made, at.value.instr, Py_None);
    put(made, at.range.flat, flat_value);
    put(made, at.range.offset, offset);
    return made;
}

PyObject *storage_value(PyObject *storage)
{
    static PyObject *name;
    if (Py_TYPE(storage) == engine.Storage || Py_TYPE(storage) == engine.FlatStorage)
        return Py_NewRef(SLOT(storage, at.storage.value));
    if (Py_TYPE(storage) == engine.PartStorage) {
        PyObject *part = SLOT(storage, at.storage.part);
        PyObject *flat_value = SLOT(SLOT(part, at.part.flat), at.storage.value);
        PyObject *found = SLOT(part, at.part.read);
        if (found != Py_None && SLOT(found, at.range.flat) == flat_value)
            return Py_NewRef(found);
        found = new_range(flat_value, SLOT(part, at.part.offset), SLOT(part, at.part.aval));
        if (found != NULL)
            put(part, at.part.read, found);
        return found;
    }
    if (name == NULL && (name = PyUnicode_InternFromString("value")) == NULL)
        return NULL;
    return PyObject_GetAttr(storage, name);
}

/* A tensor that is the only owner of a new storage holding `value`. */
PyObject *new_tensor(PyObject *value, PyObject *node, PyObject *output)
{
    PyObject *storage = new_object(engine.Storage);
    if (storage == NULL)
        return NULL;
    put(storage, at.storage.value, value);
    put(storage, at.storage.version, engine.zero);
    PyTypeObject *type = (PyTypeObject *)engine.tensor_class;
    PyObject *tensor = new_object(type);
    if (tensor == NULL) {
        Py_DECREF(storage);
        return NULL;
    }
    SLOT(tensor, at.handle.storage) = storage;
    put(tensor, at.handle.view, Py_None);
    put(tensor, at.handle.node, node);
    put(tensor, at.handle.output, output);
    put(tensor, at.handle.leaf, Py_False);
    put(tensor, at.handle.grad, Py_None);
    put(tensor, at.handle.extra, Py_None);
    return tensor;
}

/* What a slot of a new trace holds, after that of a blank one: containers of its own. */
static PyObject *own_container(PyObject *blank)
{
    if (PyList_CheckExact(blank))
        return PyList_New(0);
    if (PyDict_CheckExact(blank))
        return PyDict_New();
    return PySet_CheckExact(blank) ? PySet_New(NULL) : Py_NewRef(blank);
}

/* A new trace of the context, as Trace(context) makes it. */
static PyObject *new_trace(PyObject *context)
{
    static PyObject *cap_name;
    if (cap_name == NULL && (cap_name = PyUnicode_InternFromString("trace_cap")) == NULL)
        return NULL;
    PyObject *cap = PyObject_GetAttr(engine.config, cap_name), *lock = PyObject_CallNoArgs(engine.make_lock);
    PyObject *trace = cap == NULL || lock == NULL ? NULL : new_object(engine.Trace), *id = NULL;
    int status = trace == NULL ? FAILED : DONE;
    for (PyMemberDef *m = engine.Trace->tp_members; status == DONE && m->name != NULL; m++) {
        PyObject *blank = SLOT(engine.blank_trace, m->offset);
        if (blank != NULL && (SLOT(trace, m->offset) = own_container(blank)) == NULL)
            status = FAILED;
    }
    if (status == DONE) {
        PyObject *predicted = SLOT(context, at.context.predicted);
        put(trace, at.trace.lock, lock);
        put(trace, at.trace.context, context);
        put(trace, at.trace.device, SLOT(context, at.context.device));
        put(trace, at.trace.predicted, predicted);
        put(trace, at.trace.expected, predicted);
        put(trace, at.trace.limit, cap);
        int is_short = predicted != Py_None && PyTuple_GET_SIZE(predicted) < PyLong_AsSsize_t(cap);
        put(trace, at.trace.expected_short, is_short ? Py_True : Py_False);
        id = PyLong_FromVoidPtr(trace);
        status = id == NULL ? FAILED : PyDict_SetItem(engine.open_traces, id, trace);
    }
    if (status == DONE)
        put(context, at.context.trace, trace);
    else
        Py_CLEAR(trace);
    Py_XDECREF(cap);
    Py_XDECREF(lock);
    Py_XDECREF(id);
    return trace;
}

/* The instruction (head, references...): the expected one if it is equal, so that nothing is made. */
static PyObject *instruction(PyObject *trace, Py_ssize_t n, PyObject *head, const Py_ssize_t *refs, Py_ssize_t count)
{
    PyObject *predicted = SLOT(trace, at.trace.predicted);
    if (predicted != Py_None && n < PyTuple_GET_SIZE(predicted)) {
        PyObject *expected = PyTuple_GET_ITEM(predicted, n);
        if (PyTuple_CheckExact(expected) && PyTuple_GET_SIZE(expected) == count + 1
            && (PyTuple_GET_ITEM(expected, 0) == head
                || PyLong_AsSsize_t(PyTuple_GET_ITEM(expected, 0)) == PyLong_AsSsize_t(head))) {
            Py_ssize_t i = 0;
            while (i < count && PyLong_AsSsize_t(PyTuple_GET_ITEM(expected, i + 1)) == refs[i])
                i++;
            if (i == count)
                return Py_NewRef(expected);
        }
    }
    PyObject *made = PyTuple_New(count + 1);
    if (made == NULL)
        return NULL;
    PyTuple_SET_ITEM(made, 0, Py_NewRef(head));
    for (Py_ssize_t i = 0; i < count; i++) {
        PyObject *ref = PyLong_FromSsize_t(refs[i]);
        if (ref == NULL) {
            Py_DECREF(made);
            return NULL;
        }
        PyTuple_SET_ITEM(made, i + 1, ref);
    }
    PyObject *done = PyObject_CallMethod(trace, "off_prediction", "n", n);
    if (done == NULL) {
        Py_DECREF(made);
        return NULL;
    }
    Py_DECREF(done);
    return made;
}

static PyObject *new_value(PyObject *trace, PyObject *aval, Py_ssize_t index, PyObject *instr)
{
    PyObject *number = PyLong_FromSsize_t(index);
    PyObject *out = number == NULL ? NULL : new_object(engine.Value);
    if (out == NULL) {
        Py_XDECREF(number);
        return NULL;
    }
    put(out, at.value.aval, aval);
    put(out, at.value.data, Py_None);
    put(out, at.value.trace, trace);
    SLOT(out, at.value.index) = number;
    put(out, at.value.instr, instr);
    return out;
}

/* Append an instruction; `outs` gets a new reference for each of its outputs. Whatever is allocated may start the
   garbage collector, and that may run Python code: the last look at the trace comes after all of it. */
static int append(PyObject *trace, PyObject *entry, const Py_ssize_t *refs, Py_ssize_t count, PyObject **outs)
{
    PyObject *values = SLOT(trace, at.trace.values);
    Py_ssize_t n = PyList_GET_SIZE(values);
    Py_ssize_t nout = PyLong_AsSsize_t(SLOT(entry, at.entry.nout));
    PyObject *instr = instruction(trace, n, SLOT(entry, at.entry.head), refs, count);
    if (instr == NULL)
        return FAILED;
    Py_ssize_t made = 0;
    int outcome = FAILED;
    for (; made < nout; made++) {
        PyObject *name = made == 0 ? Py_NewRef(instr) : PyLong_FromSsize_t(made);
        if (name == NULL)
            goto undo;
        outs[made] = new_value(trace, PyTuple_GET_ITEM(SLOT(entry, at.entry.avals), made), n + made, name);
        Py_DECREF(name);
        if (outs[made] == NULL)
            goto undo;
    }
    Py_DECREF(instr);
    instr = NULL;
    outcome = LEAVE;
    if (SLOT(trace, at.trace.sealed) != Py_False || SLOT(trace, at.trace.values) != values
        || PyList_GET_SIZE(values) != n)
        goto undo;
    for (Py_ssize_t k = 0; k < nout; k++)
        if (PyList_Append(values, outs[k]) < 0) {
            PyList_SetSlice(values, n, PyList_GET_SIZE(values), NULL);
            outcome = FAILED;
            goto undo;
        }
    return DONE;
undo:
    Py_XDECREF(instr);
    while (made > 0)
        Py_CLEAR(outs[--made]);
    return outcome;
}

static int add_scalar(PyObject *numbers, PyObject *x, int kind, Py_ssize_t *ref)
{
    PyObject *number = kind == KIND_INT ? PyNumber_Long(x) : PyNumber_Float(x);
    if (number == NULL)
        return FAILED;
    *ref = PyList_GET_SIZE(numbers);
    int status = PyList_Append(numbers, number);
    Py_DECREF(number);
    return status;
}

static int reference(PyObject *trace, PyObject *value, Py_ssize_t *ref);

/* Read a part of a flat leaf: an instruction of its own, the first time (Trace._range). */
static int range_reference(PyObject *trace, PyObject *value, Py_ssize_t *ref)
{
    PyObject *flat = SLOT(value, at.range.flat);
    PyObject *key = PyTuple_Pack(2, SLOT(flat, at.value.aval), SLOT(value, at.value.aval));
    if (key == NULL)
        return FAILED;
    PyObject *entry = PyDict_GetItemWithError(engine.ranges, key);
    Py_DECREF(key);
    if (entry == NULL)
        return PyErr_Occurred() ? FAILED : LEAVE;
    Py_ssize_t refs[2];
    int outcome = reference(trace, flat, &refs[0]);
    if (outcome != DONE)
        return outcome;
    if (add_scalar(SLOT(trace, at.trace.ints), SLOT(value, at.range.offset), KIND_INT, &refs[1]) < 0)
        return FAILED;
    PyObject *out;
    outcome = append(trace, entry, refs, 2, &out);
    if (outcome != DONE)
        return outcome;
    *ref = PyLong_AsSsize_t(SLOT(out, at.value.index));
    outcome = PyDict_SetItem(SLOT(trace, at.trace.leaf_slot), value, SLOT(out, at.value.index));
    Py_DECREF(out);
    return outcome;
}

/* How an instruction of this trace names `value` (Trace.reference). */
static int reference(PyObject *trace, PyObject *value, Py_ssize_t *ref)
{
    PyObject *data = SLOT(value, at.value.data);
    if (data == Py_None && SLOT(value, at.value.trace) == trace) {
        *ref = PyLong_AsSsize_t(SLOT(value, at.value.index));
        return DONE;
    }
    PyObject *slots = SLOT(trace, at.trace.leaf_slot);
    int outcome = LEAVE;
    PyObject *slot = PyDict_GetItemWithError(slots, value);
    if (slot != NULL) {
        *ref = PyLong_AsSsize_t(slot);
        outcome = DONE;
    }
    else if (PyErr_Occurred())
        outcome = FAILED;
    else if (Py_TYPE(value) == engine.RangeValue)
        outcome = range_reference(trace, value, ref);
    else if (PyLong_AsLong(SLOT(value, at.value.index)) == CONSTANT) {
        PyObject *out;
        outcome = append(trace, SLOT(value, at.value.instr), NULL, 0, &out);
        if (outcome == DONE) {
            *ref = PyLong_AsSsize_t(SLOT(out, at.value.index));
            outcome = PyDict_SetItem(slots, value, SLOT(out, at.value.index));
            Py_DECREF(out);
        }
    }
    else if (PySet_Contains(engine.arrays, (PyObject *)Py_TYPE(data)) == 1) {
        PyObject *leaves = SLOT(trace, at.trace.leaves);
        *ref = -PyList_GET_SIZE(leaves) - 1;
        PyObject *number = PyLong_FromSsize_t(*ref);
        outcome = number != NULL && PyList_Append(leaves, value) == 0 && PyDict_SetItem(slots, value, number) == 0
            ? DONE : FAILED;
        Py_XDECREF(number);
    }
    return outcome;
}

/* Append `entry` on Values and numbers. Values come first: only they may have to be left to Python, and a number that
   was packed for nothing would move the others. */
int commit(PyObject *trace, PyObject *entry, PyObject *const *operands, PyObject **outs)
{
    if (SLOT(entry, at.entry.device) != SLOT(trace, at.trace.device))
        return LEAVE;
    PyObject *kinds = SLOT(entry, at.entry.kinds);
    Py_ssize_t n = PyTuple_GET_SIZE(kinds), count = 0;
    Py_ssize_t few[MAX_OPERANDS], *refs = n > MAX_OPERANDS ? PyMem_Malloc(n * sizeof(Py_ssize_t)) : few;
    int outcome = DONE;
    if (refs == NULL) {
        PyErr_NoMemory();
        return FAILED;
    }
    for (Py_ssize_t k = 0; k < n && outcome == DONE; k++) {
        long kind = PyLong_AsLong(PyTuple_GET_ITEM(kinds, k));
        if (kind == KIND_VALUE)
            outcome = reference(trace, operands[k], &refs[count]);
        count += kind != KIND_NONE;
    }
    count = 0;
    for (Py_ssize_t k = 0; k < n && outcome == DONE; k++) {
        long kind = PyLong_AsLong(PyTuple_GET_ITEM(kinds, k));
        if (kind == KIND_FLOAT || kind == KIND_INT || kind == KIND_DOUBLE) {
            Py_ssize_t list = kind == KIND_FLOAT ? at.trace.floats : kind == KIND_INT ? at.trace.ints : at.trace.doubles;
            outcome = add_scalar(SLOT(trace, list), operands[k], (int)kind, &refs[count]);
        }
        count += kind != KIND_NONE;
    }
    if (outcome == DONE)
        outcome = append(trace, entry, refs, count, outs);
    if (refs != few)
        PyMem_Free(refs);
    return outcome;
}

/* Whether an instruction may be appended here: Python notes where an unexpected recording begins. */
int begun(PyObject *trace)
{
    return SLOT(trace, at.trace.expected_short) == Py_True || PyList_GET_SIZE(SLOT(trace, at.trace.values)) > 0;
}

/* commit(trace, entry, operands): the new Value, a list of several, or None when the case is left to Python. */
PyObject *core_commit(PyObject *self, PyObject *const *args, Py_ssize_t nargs)
{
    PyObject *few[MAX_OPERANDS], **outs = few, *result = NULL;
    if (nargs != 3 || !(PyList_CheckExact(args[2]) || PyTuple_CheckExact(args[2]))) {
        PyErr_SetString(PyExc_TypeError, "commit(trace, entry, operands: list or tuple)");
        return NULL;
    }
    PyObject *trace = args[0], *entry = args[1];
    Py_ssize_t nout = PyLong_AsSsize_t(SLOT(entry, at.entry.nout));
    if (!begun(trace) || SLOT(trace, at.trace.sealed) != Py_False)
        Py_RETURN_NONE;
    if (nout > MAX_OPERANDS && (outs = PyMem_Calloc(nout, sizeof(PyObject *))) == NULL)
        return PyErr_NoMemory();
    int outcome = commit(trace, entry, PySequence_Fast_ITEMS(args[2]), outs);
    if (outcome == LEAVE)
        result = Py_NewRef(Py_None);
    else if (outcome == DONE && nout == 1)
        result = outs[0];
    else if (outcome == DONE && (result = PyList_New(nout)) != NULL)
        for (Py_ssize_t k = 0; k < nout; k++)
            PyList_SET_ITEM(result, k, outs[k]);
    if (outs != few)
        PyMem_Free(outs);
    return result;
}

/* What an operand with a view stands for, and whether it needs a gradient (views.read, views.requires_grad), when
   neither the view nor its history has to be made anew. */
static int read_view(PyObject *x, PyObject *view, PyObject **value, int *needs)
{
    PyObject *whole = storage_value(SLOT(x, at.handle.storage));
    if (whole == NULL)
        return FAILED;
    PyObject *root = SLOT(view, at.view.root);
    if (SLOT(view, at.view.op) == Py_None && SLOT(view, at.view.parent) == Py_None)
        *value = whole;
    else if (root != Py_None && PyWeakref_GET_OBJECT(root) == whole) {
        *value = Py_NewRef(SLOT(view, at.view.cache));
        Py_DECREF(whole);
    }
    else {
        Py_DECREF(whole);
        return LEAVE;
    }
    PyObject *base = SLOT(view, at.view.base);
    *needs = SLOT(x, at.handle.leaf) == Py_True || SLOT(x, at.handle.node) != Py_None;
    if (base == Py_None)
        return DONE;
    if (!*needs && (SLOT(base, at.handle.node) != Py_None || SLOT(base, at.handle.leaf) == Py_True)) {
        Py_CLEAR(*value); /* made under no_grad: see views.refresh */
        return LEAVE;
    }
    PyObject *counter = SLOT(view, at.view.counter);
    Py_ssize_t place = Py_TYPE(counter) == engine.Counter ? at.counter.version : at.storage.version;
    PyObject *now = SLOT(counter, place), *then = SLOT(view, at.view.attr_version);
    if (SLOT(base, at.handle.view) == Py_None && (now == then || PyObject_RichCompareBool(now, then, Py_EQ) == 1))
        return DONE;
    Py_CLEAR(*value);
    return LEAVE;
}

/* The backward node of an operation (node.make_node), with the saved outputs. */
static PyObject *new_node(PyObject *plan, PyObject *kinds, PyObject *const *operands, PyObject *const *values,
                          PyObject *const *outs, PyObject *const *results)
{
    PyObject *wanted = SLOT(plan, at.plan.wanted), *saves = SLOT(plan, at.plan.saves);
    PyObject *outputs = SLOT(plan, at.plan.outputs);
    Py_ssize_t nwanted = PyTuple_GET_SIZE(wanted), nsaves = PyTuple_GET_SIZE(saves);
    Py_ssize_t noutputs = PyTuple_GET_SIZE(outputs), tracked = noutputs;
    for (Py_ssize_t i = 0; i < nsaves; i++) {
        Py_ssize_t k = PyLong_AsSsize_t(PyTuple_GET_ITEM(saves, i));
        tracked += PyLong_AsLong(PyTuple_GET_ITEM(kinds, k)) == KIND_VALUE;
    }
    PyObject *node = new_object(engine.Node);
    PyObject *edges = PyList_New(2 * nwanted), *saved = PyTuple_New(nsaves + noutputs);
    PyObject *counters = PyTuple_New(tracked), *versions = PyTuple_New(tracked);
    PyObject *sequence = Py_TYPE(engine.sequence)->tp_iternext(engine.sequence);
    if (!node || !edges || !saved || !counters || !versions || !sequence) {
        Py_XDECREF(node); Py_XDECREF(edges); Py_XDECREF(saved);
        Py_XDECREF(counters); Py_XDECREF(versions); Py_XDECREF(sequence);
        return NULL;
    }
    int leads = 0;
    for (Py_ssize_t i = 0; i < nwanted; i++) {
        PyObject *x = operands[PyLong_AsSsize_t(PyTuple_GET_ITEM(wanted, i))];
        PyObject *target = SLOT(x, at.handle.node);
        if (target == Py_None && SLOT(x, at.handle.leaf) == Py_True)
            target = x;
        leads |= target != Py_None;
        PyList_SET_ITEM(edges, 2 * i, Py_NewRef(target));
        PyList_SET_ITEM(edges, 2 * i + 1, Py_NewRef(SLOT(x, at.handle.output)));
    }
    Py_ssize_t c = 0;
    for (Py_ssize_t i = 0; i < nsaves; i++) {
        Py_ssize_t k = PyLong_AsSsize_t(PyTuple_GET_ITEM(saves, i));
        PyTuple_SET_ITEM(saved, i, Py_NewRef(values[k]));
        if (PyLong_AsLong(PyTuple_GET_ITEM(kinds, k)) == KIND_VALUE) {
            PyObject *view = SLOT(operands[k], at.handle.view);
            PyObject *counter = view == Py_None ? SLOT(operands[k], at.handle.storage) : SLOT(view, at.view.counter);
            Py_ssize_t place = Py_TYPE(counter) == engine.Counter ? at.counter.version : at.storage.version;
            PyTuple_SET_ITEM(counters, c, Py_NewRef(counter));
            PyTuple_SET_ITEM(versions, c++, Py_NewRef(SLOT(counter, place)));
        }
    }
    for (Py_ssize_t i = 0; i < noutputs; i++) {
        Py_ssize_t j = PyLong_AsSsize_t(PyTuple_GET_ITEM(outputs, i));
        PyTuple_SET_ITEM(saved, nsaves + i, Py_NewRef(outs[j]));
        PyTuple_SET_ITEM(counters, c, Py_NewRef(SLOT(results[j], at.handle.storage)));
        PyTuple_SET_ITEM(versions, c++, Py_NewRef(engine.zero));
    }
    SLOT(node, at.node.edges) = edges;
    SLOT(node, at.node.saved) = saved;
    SLOT(node, at.node.counters) = counters;
    SLOT(node, at.node.versions) = versions;
    SLOT(node, at.node.sequence) = sequence;
    put(node, at.node.mark, engine.zero);
    put(node, at.node.hooks, Py_None);
    if (leads)
        put(node, at.node.plan, plan);
    else if ((SLOT(node, at.node.plan) = PyObject_CallMethod(plan, "without_freeing", NULL)) == NULL)
        Py_CLEAR(node);
    return node;
}

static int all_passed(PyObject *check, PyObject *const *values)
{
    PyObject *positions = SLOT(check, at.entry.state), *head = SLOT(check, at.entry.head);
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(positions); i++) {
        PyObject *v = values[PyLong_AsSsize_t(PyTuple_GET_ITEM(positions, i))];
        PyObject *passed = PyObject_TypeCheck(v, engine.Value) ? SLOT(v, at.value.passed) : NULL;
        if (passed == NULL || PySet_Contains(passed, head) != 1)
            return 0;
    }
    return 1;
}

/* The instruction that tests the operation's condition on values (checks.record_check). */
static int commit_check(PyObject *context, PyObject *trace, PyObject *entry, PyObject *const *values, Py_ssize_t n)
{
    PyObject *check = SLOT(entry, at.entry.check);
    if (all_passed(check, values)) {
        PyObject *positions = SLOT(check, at.entry.state), *out;
        PyObject *operands[MAX_OPERANDS];
        for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(positions); i++)
            operands[i] = values[PyLong_AsSsize_t(PyTuple_GET_ITEM(positions, i))];
        int outcome = commit(trace, check, operands, &out);
        if (outcome == DONE)
            Py_DECREF(out);
        return outcome;
    }
    PyObject *list = PyList_New(n);
    if (list == NULL)
        return FAILED;
    for (Py_ssize_t i = 0; i < n; i++)
        PyList_SET_ITEM(list, i, Py_NewRef(values[i]));
    PyObject *done = PyObject_CallFunctionObjArgs(engine.record_check, context, entry, list, NULL);
    Py_DECREF(list);
    Py_XDECREF(done);
    return done == NULL ? FAILED : DONE;
}

/* Record `entry`, known not to cut, on `trace`; *result is the tensor or the tuple of tensors. */
static int record_on(PyObject *context, PyObject *trace, PyObject *entry, PyObject *const *operands,
                     PyObject *const *values, Py_ssize_t n, unsigned long mask, PyObject **result)
{
    PyObject *outs[MAX_OPERANDS], *results[MAX_OPERANDS];
    Py_ssize_t nout = PyLong_AsSsize_t(SLOT(entry, at.entry.nout)), made = 0;
    PyObject *plan = NULL, *node = NULL;
    if (nout > MAX_OPERANDS)
        return LEAVE;
    if (mask) {
        PyObject *number = PyLong_FromUnsignedLong(mask);
        plan = number == NULL ? NULL : PyDict_GetItemWithError(SLOT(entry, at.entry.plans), number);
        Py_XDECREF(number);
        if (plan == NULL)
            return PyErr_Occurred() ? FAILED : LEAVE;
    }
    int outcome;
    if (SLOT(entry, at.entry.check) != Py_None) {
        outcome = commit_check(context, trace, entry, values, n);
        if (outcome != DONE)
            return outcome;
    }
    outcome = commit(trace, entry, values, outs);
    if (outcome != DONE)
        return outcome;
    PyObject *floating = SLOT(entry, at.entry.floating);
    for (; made < nout; made++) {
        PyObject *output = PyLong_FromSsize_t(made);
        results[made] = output == NULL ? NULL : new_tensor(outs[made], Py_None, output);
        Py_XDECREF(output);
        if (results[made] == NULL)
            goto failed;
    }
    if (plan != NULL) {
        node = new_node(plan, SLOT(entry, at.entry.kinds), operands, values, outs, results);
        if (node == NULL)
            goto failed;
        for (Py_ssize_t k = 0; k < nout; k++)
            if (PyTuple_GET_ITEM(floating, k) == Py_True)
                put(results[k], at.handle.node, node);
        Py_DECREF(node);
    }
    if (nout == 1)
        *result = results[0];
    else {
        *result = PyTuple_New(nout);
        if (*result == NULL)
            goto failed;
        for (Py_ssize_t k = 0; k < nout; k++)
            PyTuple_SET_ITEM(*result, k, results[k]);
    }
    for (Py_ssize_t k = 0; k < nout; k++)
        Py_DECREF(outs[k]);
    return DONE;
failed:
    for (Py_ssize_t k = 0; k < nout; k++)
        Py_DECREF(outs[k]);
    while (made > 0)
        Py_DECREF(results[--made]);
    return FAILED;
}

/* `known`: only where operands of these kinds were recorded before; else None. */
static PyObject *record(PyObject *const *args, Py_ssize_t nargs, int known)
{
    static PyObject *no_attributes, *memo_name, *promote_name, *name_name, *autocast_name;
    if (no_attributes == NULL) {
        no_attributes = PyTuple_New(0);
        memo_name = PyUnicode_InternFromString("memo");
        promote_name = PyUnicode_InternFromString("promote");
        name_name = PyUnicode_InternFromString("name");
        autocast_name = PyUnicode_InternFromString("autocast");
    }
    if (nargs < 2 || nargs > 3 || !PyTuple_CheckExact(args[1])) {
        PyErr_SetString(PyExc_TypeError, "record(op, operands: tuple, attributes: tuple = ())");
        return NULL;
    }
    PyObject *op = args[0], *attributes = nargs == 3 ? args[2] : no_attributes;
    Py_ssize_t n = PyTuple_GET_SIZE(args[1]), held = 0;
    PyObject *const *operands = &PyTuple_GET_ITEM(args[1], 0);
    PyObject *values[MAX_OPERANDS], *result = NULL, *memo = NULL, *context = NULL, *entry = NULL, *trace = NULL;
    unsigned long mask = 0;
    int outcome = LEAVE, strided = 0;
    PyObject *key = ready && n > 0 && n < MAX_OPERANDS ? PyTuple_New(n + 1) : NULL;
    if (key == NULL)
        goto leave;
    PyTuple_SET_ITEM(key, 0, Py_NewRef(attributes));
    for (; held < n; held++) {
        PyObject *x = operands[held], *kind;
        if (is_tensor(x)) {
            PyObject *view = SLOT(x, at.handle.view);
            int needs;
            if (view == Py_None) {
                values[held] = storage_value(SLOT(x, at.handle.storage));
                needs = SLOT(x, at.handle.node) != Py_None || SLOT(x, at.handle.leaf) == Py_True;
                if (values[held] == NULL)
                    goto failed;
            }
            else {
                outcome = read_view(x, view, &values[held], &needs);
                if (outcome == FAILED)
                    goto failed;
                if (outcome == LEAVE)
                    goto leave;
                strided |= SLOT(view, at.view.strides) != Py_None;
            }
            mask |= (unsigned long)needs << held;
            kind = SLOT(values[held], at.value.aval);
        }
        else if (PyFloat_CheckExact(x) || PyLong_CheckExact(x) || PyBool_Check(x) || PyComplex_CheckExact(x)
                 || x == Py_None) {
            values[held] = Py_NewRef(x);
            kind = (PyObject *)Py_TYPE(x);
        }
        else
            goto leave;
        PyTuple_SET_ITEM(key, held + 1, Py_NewRef(kind));
    }
    memo = PyObject_GetAttr(op, memo_name);
    context = context_now();
    if (memo == NULL || context == NULL)
        goto failed;
    entry = Py_XNewRef(PyDict_GetItemWithError(memo, key));
    if (entry == NULL && known)
        PyErr_Clear(); /* an attribute that cannot be looked up is one that the function refuses */
    if (entry == NULL || SLOT(context, at.context.eager) != Py_False)
        goto leave;
    if (SLOT(context, at.context.autocast) != Py_None) {
        PyObject *casts = PyObject_GetAttr(op, autocast_name);
        Py_XDECREF(casts);
        if (casts != Py_None)
            goto leave;
    }
    trace = Py_NewRef(SLOT(context, at.context.trace));
    if (trace == Py_None || SLOT(trace, at.trace.sealed) != Py_False) {
        Py_SETREF(trace, new_trace(context));
        if (trace == NULL)
            goto failed;
    }
    if (strided) {
        PyObject *promote = PyObject_GetAttr(op, promote_name), *name = PyObject_GetAttr(op, name_name);
        int keeps = promote != Py_None || PySet_Contains(engine.keeps_strides, name);
        Py_XDECREF(promote);
        Py_XDECREF(name);
        if (keeps)
            goto leave;
    }
    if (mask)
        mask = SLOT(context, at.context.grad) == Py_True
            ? mask & PyLong_AsUnsignedLong(SLOT(entry, at.entry.differentiable)) : 0;
    /* Without gradients, an operation whose first operand is still pending has nothing to do on the host. */
    Py_ssize_t length = PyList_GET_SIZE(SLOT(trace, at.trace.values));
    if (mask ? SLOT(trace, at.trace.grad_open) != Py_True && length > 0
             : Py_TYPE(values[0]) != engine.Value || SLOT(values[0], at.value.data) != Py_None)
        goto leave;
    if (!begun(trace) || length >= PyLong_AsSsize_t(SLOT(trace, at.trace.limit))
        || SLOT(trace, at.trace.immediate) != Py_False)
        goto leave;
    if (mask)
        put(trace, at.trace.grad_open, Py_True);
    outcome = record_on(context, trace, entry, operands, values, n, mask, &result);
    if (outcome == FAILED)
        goto failed;
leave:
    if (result == NULL && !PyErr_Occurred() && engine.record == NULL)
        PyErr_SetString(PyExc_RuntimeError, "kilnn.native._core is not set up");
    else if (result == NULL && !PyErr_Occurred())
        result = known ? Py_NewRef(Py_None) : PyObject_CallFunctionObjArgs(engine.record, op, args[1], attributes, NULL);
failed:
    while (held > 0)
        Py_DECREF(values[--held]);
    Py_XDECREF(key);
    Py_XDECREF(memo);
    Py_XDECREF(context);
    Py_XDECREF(entry);
    Py_XDECREF(trace);
    return result;
}

/* record(op, operands, attributes=()) */
PyObject *core_record(PyObject *self, PyObject *const *args, Py_ssize_t nargs)
{
    return record(args, nargs, 0);
}

/* record_known(op, operands, attributes=()) */
PyObject *core_record_known(PyObject *self, PyObject *const *args, Py_ssize_t nargs)
{
    return record(args, nargs, 1);
}
