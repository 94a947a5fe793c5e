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

/* Module.__call__: forward at once when gradients are recorded and there are no hooks, else the twin. */
static PyObject *call(PyObject *self, PyObject *args, PyObject *kwargs)
{
    static PyObject *hooks_name, *forward_name, *used_name;
    if (hooks_name == NULL) {
        used_name = PyUnicode_InternFromString("used");
        hooks_name = PyUnicode_InternFromString("_hooks");
        forward_name = PyUnicode_InternFromString("forward");
    }
    if (engine.global_hooks == NULL) {
        PyErr_SetString(PyExc_RuntimeError, "kilnn.native._core is not told of the hooks of modules");
        return NULL;
    }
    PyObject *context = context_now();
    PyObject *hooks = context == NULL ? NULL : PyObject_GetAttr(self, hooks_name), *result = NULL;
    PyObject *used = hooks == NULL ? NULL : PyObject_GetAttr(engine.global_hooks, used_name);
    if (used == NULL)
        goto done;
    if (SLOT(context, at.context.grad) != Py_True || hooks != Py_None || used != Py_False)
        result = PyObject_CallFunctionObjArgs(engine.call_module, self, context, args, kwargs ? kwargs : Py_None, NULL);
    else if (kwargs == NULL && PyTuple_GET_SIZE(args) < MAX_OPERANDS) {
        PyObject *stack[MAX_OPERANDS + 1];
        Py_ssize_t n = PyTuple_GET_SIZE(args);
        stack[0] = self;
        for (Py_ssize_t i = 0; i < n; i++)
            stack[i + 1] = PyTuple_GET_ITEM(args, i);
        result = PyObject_VectorcallMethod(forward_name, stack, n + 1, NULL);
    }
    else {
        PyObject *forward = PyObject_GetAttr(self, forward_name);
        result = forward == NULL ? NULL : PyObject_Call(forward, args, kwargs);
        Py_XDECREF(forward);
    }
    if (result == NULL)
        explain(self, args, kwargs);
done:
    Py_XDECREF(context);
    Py_XDECREF(hooks);
    Py_XDECREF(used);
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

/* setup_modules(global_hooks, call, explain): the hooks of all modules, the twin of a call that has hooks or no
   gradients, and what is called with (module, args, kwargs, error) when a call fails. */
PyObject *core_setup_modules(PyObject *self, PyObject *const *args, Py_ssize_t nargs)
{
    if (nargs != 3) {
        PyErr_SetString(PyExc_TypeError, "setup_modules(global_hooks, call, explain)");
        return NULL;
    }
    Py_XSETREF(engine.global_hooks, Py_NewRef(args[0]));
    Py_XSETREF(engine.call_module, Py_NewRef(args[1]));
    Py_XSETREF(engine.explain_module, Py_NewRef(args[2]));
    Py_RETURN_NONE;
}
