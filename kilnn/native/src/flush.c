/* Running a recording that was foreseen to its end: the twin of run_trace in kilnn/engine/execute.py. */

#include "core.h"

static PyObject *name(PyObject **known, const char *spelling)
{
    if (*known == NULL)
        *known = PyUnicode_InternFromString(spelling);
    return *known;
}

static int call_method(PyObject *object, PyObject *method)
{
    PyObject *done = method == NULL ? NULL : PyObject_CallMethodNoArgs(object, method);
    Py_XDECREF(done);
    return done == NULL ? FAILED : DONE;
}

static long long runs, operations; /* that this file did: the engine's statistics add them to their own */

/* counts(): (runs, operations in them) since the last call. */
PyObject *core_counts(PyObject *self, PyObject *unused)
{
    PyObject *both = Py_BuildValue("(LL)", runs, operations);
    runs = operations = 0;
    return both;
}

static void stamp(PyObject *object, Py_ssize_t place)
{
    PyObject *now = Py_TYPE(engine.clock)->tp_iternext(engine.clock);
    if (now != NULL) {
        put(object, place, now);
        Py_DECREF(now);
    }
}

/* Whether the trace may run here: nothing is left of earlier trouble, and it runs as one program. */
static int allowed(PyObject *trace, PyObject *context)
{
    static PyObject *words_name;
    if (SLOT(trace, at.trace.done) != Py_False || SLOT(trace, at.trace.failure) != Py_None
        || SLOT(trace, at.trace.immediate) != Py_False || SLOT(context, at.context.eager) != Py_False
        || SLOT(trace, at.trace.has_update) != Py_True || PyList_GET_SIZE(SLOT(trace, at.trace.checks))
        || PyList_GET_SIZE(engine.interrupted) || PyList_GET_SIZE(engine.several_devices))
        return LEAVE;
    PyObject *words = PyObject_GetAttr(engine.pending, name(&words_name, "words"));
    if (words == NULL)
        return FAILED;
    int outcome = PyList_GET_SIZE(words) ? LEAVE : DONE;
    Py_DECREF(words);
    return outcome;
}

/* The recipe that was expected, when the recording is equal to it; borrowed. */
static PyObject *foreseen(PyObject *trace, PyObject *context)
{
    PyObject *previous = SLOT(context, at.context.predicted_recipe);
    PyObject *recipe = previous == Py_None ? Py_None : SLOT(previous, at.recipe.next);
    if (recipe == Py_None || SLOT(recipe, at.recipe.signature) != SLOT(trace, at.trace.predicted)
        || PyTuple_GET_SIZE(SLOT(recipe, at.recipe.signature)) != PyList_GET_SIZE(SLOT(trace, at.trace.values)))
        return NULL;
    return recipe;
}

/* The program whose outputs are exactly what is alive, when its run is one call; a new reference. */
static PyObject *find_bound(PyObject *recipe, PyObject *live)
{
    PyObject *all = SLOT(recipe, at.recipe.bound);
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(all); i++) {
        PyObject *bound = PyList_GET_ITEM(all, i);
        if (PyObject_RichCompareBool(SLOT(bound, at.bound.live), live, Py_EQ) != 1)
            continue;
        PyObject *program = SLOT(bound, at.bound.program);
        if (SLOT(bound, at.bound.single) != Py_True || SLOT(program, at.program.first) != Py_False)
            return NULL;
        return Py_NewRef(bound);
    }
    return NULL;
}

/* Note the finished run, and let go of the recording. */
static int finish(PyObject *trace, PyObject *context, PyObject *recipe, PyObject *bound, PyObject *outputs, Py_ssize_t n)
{
    static PyObject *append_name;
    PyObject *fast = PySequence_Fast(outputs, "a program returns a sequence"), *done = NULL;
    if (fast != NULL)
        done = PySequence_Fast_GET_SIZE(fast) == 0 ? Py_NewRef(Py_None)
            : PyObject_CallMethodOneArg(engine.running, name(&append_name, "append"), PySequence_Fast_GET_ITEM(fast, 0));
    Py_XDECREF(fast);
    Py_XDECREF(done);
    if (done == NULL)
        return FAILED;
    put(bound, at.bound.wasted, engine.zero);
    stamp(recipe, at.recipe.used);
    stamp(SLOT(bound, at.bound.program), at.program.used);
    PyObject *next = SLOT(recipe, at.recipe.next);
    PyObject *bundles = SLOT(trace, at.trace.bundles);
    if (PyList_GET_SIZE(bundles))
        put(PyList_GET_ITEM(bundles, 0), at.bundle.new_steps, engine.zero);
    else
        put(context, at.context.new_steps, engine.zero);
    put(context, at.context.predicted_recipe, recipe);
    put(context, at.context.predicted, next == Py_None ? Py_None : SLOT(next, at.recipe.signature));
    runs += 1;
    operations += n;
    PyObject *id = PyLong_FromVoidPtr(trace);
    int status = id == NULL ? FAILED : PyDict_DelItem(engine.open_traces, id);
    Py_XDECREF(id);
    PyObject *lists[] = {SLOT(trace, at.trace.values), SLOT(trace, at.trace.leaves), SLOT(trace, at.trace.undo)};
    for (int i = 0; i < 3 && status == DONE; i++)
        status = PyList_SetSlice(lists[i], 0, PyList_GET_SIZE(lists[i]), NULL);
    return status;
}

/* Under the trace's lock. LEAVE: nothing was run, and Python may. */
static int run(PyObject *trace)
{
    PyObject *context = SLOT(trace, at.trace.context), *values = SLOT(trace, at.trace.values);
    int outcome = allowed(trace, context);
    PyObject *recipe = outcome == DONE ? foreseen(trace, context) : NULL;
    if (recipe == NULL)
        return outcome == DONE ? LEAVE : outcome;
    if (engine.check_trace != Py_None) {
        PyObject *done = PyObject_CallOneArg(engine.check_trace, trace);
        Py_XDECREF(done);
        if (done == NULL)
            return FAILED;
    }
    put(trace, at.trace.sealed, Py_True);
    PyDict_Clear(SLOT(trace, at.trace.leaf_slot));
    Py_ssize_t n = PyList_GET_SIZE(values);
    PyObject *live = core_live(NULL, values), *bound = live == NULL ? NULL : find_bound(recipe, live);
    Py_XDECREF(live);
    if (bound == NULL)
        return PyErr_Occurred() ? FAILED : LEAVE;
    PyObject *program = SLOT(bound, at.bound.program), *outputs = NULL;
    if (PyObject_Size(engine.running) > PyLong_AsSsize_t(SLOT(program, at.program.in_flight))) {
        PyObject *done = PyObject_CallOneArg(engine.back_pressure, program);
        Py_XDECREF(done);
        outcome = done == NULL ? FAILED : DONE;
    }
    Py_INCREF(recipe);
    if (outcome == DONE)
        outcome = start(trace, bound, &outputs);
    if (outcome == DONE)
        outcome = finish(trace, context, recipe, bound, outputs, n);
    else if (outcome == FAILED && PyErr_ExceptionMatches(PyExc_Exception)) {
        PyObject *type, *error, *traceback;
        PyErr_Fetch(&type, &error, &traceback);
        PyErr_NormalizeException(&type, &error, &traceback);
        if (traceback != NULL)
            PyException_SetTraceback(error, traceback); /* it tells where the exception comes from */
        PyObject *done = PyObject_CallFunctionObjArgs(engine.stopped, trace, bound, error, NULL);
        outcome = done == NULL ? FAILED : LEAVE;
        Py_XDECREF(done); Py_XDECREF(type); Py_XDECREF(error); Py_XDECREF(traceback);
    }
    Py_XDECREF(outputs);
    Py_DECREF(recipe);
    Py_DECREF(bound);
    return outcome;
}

/* flush(trace): True when it ran; False where it is left to Python, and then nothing was run. */
PyObject *core_flush(PyObject *self, PyObject *trace)
{
    static PyObject *acquire_name, *release_name;
    if (!ready || Py_TYPE(trace) != engine.Trace) {
        PyErr_SetString(PyExc_TypeError, "flush(trace)");
        return NULL;
    }
    PyObject *lock = Py_NewRef(SLOT(trace, at.trace.lock));
    int outcome = call_method(lock, name(&acquire_name, "acquire"));
    if (outcome == DONE) {
        outcome = run(trace);
        PyObject *type, *error, *traceback;
        PyErr_Fetch(&type, &error, &traceback);
        if (call_method(lock, name(&release_name, "release")) == FAILED && type == NULL)
            outcome = FAILED;
        if (type != NULL)
            PyErr_Restore(type, error, traceback);
    }
    Py_DECREF(lock);
    return outcome == FAILED ? NULL : PyBool_FromLong(outcome == DONE);
}
