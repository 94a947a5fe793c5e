/* Attributes: the base of kilnn.nn.Module. It finds parameters, buffers and submodules without an AttributeError on the
   way, and calls forward. */

#include "core.h"

static PyObject *get(PyObject *self, PyObject *name)
{
    static PyObject *tables[3];
    if (tables[0] == NULL) {
        tables[1] = PyUnicode_InternFromString("_buffers");
        tables[2] = PyUnicode_InternFromString("_modules");
        tables[0] = PyUnicode_InternFromString("_parameters");
    }
    PyObject *found = _PyObject_GenericGetAttrWithDict(self, name, NULL, 1);
    if (found != NULL || PyErr_Occurred())
        return found;
    PyObject *own = PyObject_GenericGetDict(self, NULL);
    if (own == NULL)
        return NULL;
    for (int i = 0; i < 3 && found == NULL && !PyErr_Occurred(); i++) {
        PyObject *table = PyDict_GetItemWithError(own, tables[i]);
        if (table != NULL && PyDict_Check(table))
            found = PyDict_GetItemWithError(table, name);
    }
    Py_XINCREF(found);
    Py_DECREF(own);
    if (found == NULL && !PyErr_Occurred())
        return PyObject_GenericGetAttr(self, name); /* raises Python's AttributeError */
    return found;
}

/* An exception leaves a module's call: its message is told where in the model that is. */
static void explain(PyObject *module, PyObject *args, PyObject *kwargs)
{
    PyObject *type, *error, *traceback;
    PyErr_Fetch(&type, &error, &traceback);
    PyErr_NormalizeException(&type, &error, &traceback);
    if (error != NULL && PyErr_GivenExceptionMatches(error, PyExc_Exception)) {
        if (traceback != NULL)
            PyException_SetTraceback(error, traceback);
        PyObject *done = PyObject_CallFunctionObjArgs(engine.explain_module, module, args, kwargs ? kwargs : Py_None, error, NULL);
        if (done == NULL)
            PyErr_Clear(); /* the error itself matters more than its explanation */
        Py_XDECREF(done);
    }
    PyErr_Restore(type, error, traceback);
}

/* Whether a call of the module is its forward and nothing else: gradients are recorded, and there are no hooks. */
static int bare(PyObject *self, PyObject *context)
{
    static PyObject *hooks_name, *used_name;
    if (hooks_name == NULL) {
        used_name = PyUnicode_InternFromString("used");
        hooks_name = PyUnicode_InternFromString("_hooks");
    }
    PyObject *own = PyObject_GenericGetDict(self, NULL);
    if (own == NULL)
        return FAILED;
    int found = SLOT(context, at.context.grad) == Py_True && PyDict_GetItemWithError(own, hooks_name) == NULL
        && PyDict_GetItemWithError(engine.global_hooks, used_name) == Py_False;
    Py_DECREF(own);
    return PyErr_Occurred() ? FAILED : found;
}

enum { OP, OPERANDS, ATTRIBUTES, UNLESS, ARGUMENTS, KNOWN }; /* the fields of kilnn.nn.recorded.Recorded */

/* Strings are names of the module's own, the rest is taken as it is. */
static PyObject *own_or_constant(PyObject *self, PyObject *x)
{
    return PyUnicode_CheckExact(x) ? PyObject_GetAttr(self, x) : Py_NewRef(x);
}

/* A tuple of `first` and what `names` say. */
static PyObject *gathered(PyObject *self, PyObject *const *first, Py_ssize_t n, PyObject *names)
{
    Py_ssize_t more = PyTuple_GET_SIZE(names);
    PyObject *all = PyTuple_New(n + more);
    for (Py_ssize_t i = 0; all != NULL && i < n; i++)
        PyTuple_SET_ITEM(all, i, Py_NewRef(first[i]));
    for (Py_ssize_t i = 0; all != NULL && i < more; i++) {
        PyObject *found = own_or_constant(self, PyTuple_GET_ITEM(names, i));
        if (found == NULL)
            Py_CLEAR(all);
        else
            PyTuple_SET_ITEM(all, n + i, found);
    }
    return all;
}

/* What a forward that records one operation gives (see kilnn.nn.recorded); NULL without an exception where the function
   is to be called. */
static PyObject *record_forward(PyObject *self, PyObject *recorded, PyObject *const *args, Py_ssize_t n)
{
    PyObject *unless = PyTuple_GET_ITEM(recorded, UNLESS);
    if (PyLong_AsSsize_t(PyTuple_GET_ITEM(recorded, ARGUMENTS)) != n)
        return NULL;
    if (unless != Py_None) {
        PyObject *found = PyObject_GetAttr(self, unless);
        int otherwise = found == NULL ? -1 : PyObject_IsTrue(found);
        Py_XDECREF(found);
        if (otherwise != 0)
            return NULL;
    }
    PyObject *operands = gathered(self, args, n, PyTuple_GET_ITEM(recorded, OPERANDS)), *result = NULL;
    PyObject *attributes = operands == NULL ? NULL : gathered(self, NULL, 0, PyTuple_GET_ITEM(recorded, ATTRIBUTES));
    if (attributes != NULL) {
        PyObject *stack[3] = {PyTuple_GET_ITEM(recorded, OP), operands, attributes};
        int known = PyTuple_GET_ITEM(recorded, KNOWN) == Py_True;
        result = known ? core_record_known(NULL, stack, 3) : core_record(NULL, stack, 3);
        if (known && result == Py_None)
            Py_CLEAR(result);
        else if (known && result != NULL && PyTuple_CheckExact(result))
            Py_SETREF(result, Py_NewRef(PyTuple_GET_ITEM(result, 0)));
    }
    Py_XDECREF(operands);
    Py_XDECREF(attributes);
    return result;
}

/* A bare call with positional arguments. stack: the module, then the arguments. */
static PyObject *forward(PyObject *self, PyObject *const *stack, Py_ssize_t n)
{
    static PyObject *forward_name;
    if (forward_name == NULL && (forward_name = PyUnicode_InternFromString("forward")) == NULL)
        return NULL;
    PyObject *function = PyObject_GetAttr((PyObject *)Py_TYPE(self), forward_name), *result = NULL;
    PyObject *own = function == NULL ? NULL : PyObject_GenericGetDict(self, NULL);
    PyObject *replaced = own == NULL ? NULL : PyDict_GetItemWithError(own, forward_name), *recorded = NULL;
    if (own != NULL && replaced == NULL && PyFunction_Check(function)) {
        recorded = PyDict_GetItemWithError(engine.recorded, function);
        if (recorded != NULL)
            result = record_forward(self, recorded, stack + 1, n);
        if (result == NULL && !PyErr_Occurred())
            result = PyObject_Vectorcall(function, stack, n + 1, NULL);
    }
    else if (own != NULL && !PyErr_Occurred())
        result = PyObject_VectorcallMethod(forward_name, stack, n + 1, NULL);
    Py_XDECREF(own);
    Py_XDECREF(function);
    return result;
}

/* Module.__call__: forward at once when the call is bare, else the twin. The exception of a call that fails says where in
   the model that was. */
static PyObject *call(PyObject *self, PyObject *args, PyObject *kwargs)
{
    static PyObject *forward_name;
    if (forward_name == NULL && (forward_name = PyUnicode_InternFromString("forward")) == NULL)
        return NULL;
    if (engine.global_hooks == NULL) {
        PyErr_SetString(PyExc_RuntimeError, "kilnn.native._core is not told of the hooks of modules");
        return NULL;
    }
    PyObject *context = context_now(), *result = NULL;
    int outcome = context == NULL ? FAILED : bare(self, context);
    Py_ssize_t n = PyTuple_GET_SIZE(args);
    if (outcome == 0)
        result = PyObject_CallFunctionObjArgs(engine.call_module, self, context, args, kwargs ? kwargs : Py_None, NULL);
    else if (outcome == 1 && kwargs == NULL && n < MAX_OPERANDS) {
        PyObject *stack[MAX_OPERANDS + 1];
        stack[0] = self;
        for (Py_ssize_t i = 0; i < n; i++)
            stack[i + 1] = PyTuple_GET_ITEM(args, i);
        result = forward(self, stack, n);
    }
    else if (outcome == 1) {
        PyObject *method = PyObject_GetAttr(self, forward_name);
        result = method == NULL ? NULL : PyObject_Call(method, args, kwargs);
        Py_XDECREF(method);
    }
    if (result == NULL && outcome >= 0)
        explain(self, args, kwargs);
    Py_XDECREF(context);
    return result;
}

PyTypeObject AttributesType = {
    PyVarObject_HEAD_INIT(NULL, 0)
    .tp_name = "kilnn.native._core.Attributes",
    .tp_doc = PyDoc_STR("Base of Module: looks attributes up in _parameters, _buffers and _modules too; calls forward."),
    .tp_basicsize = sizeof(PyObject),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
    .tp_getattro = get,
    .tp_call = call,
};

/* setup_modules(global_hooks, call, explain, recorded): the hooks of all modules (the attributes of that object), the twin
   of a call that has hooks or no gradients, what is called with (module, args, kwargs, error) when a call fails, and what
   some forwards record. */
PyObject *core_setup_modules(PyObject *self, PyObject *const *args, Py_ssize_t nargs)
{
    if (nargs != 4 || !PyDict_CheckExact(args[0]) || !PyDict_CheckExact(args[3])) {
        PyErr_SetString(PyExc_TypeError, "setup_modules(global_hooks: dict, call, explain, recorded: dict)");
        return NULL;
    }
    Py_XSETREF(engine.global_hooks, Py_NewRef(args[0]));
    Py_XSETREF(engine.call_module, Py_NewRef(args[1]));
    Py_XSETREF(engine.explain_module, Py_NewRef(args[2]));
    Py_XSETREF(engine.recorded, Py_NewRef(args[3]));
    Py_RETURN_NONE;
}
