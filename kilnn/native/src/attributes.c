/* Attributes: the base of kilnn.nn.Module that finds parameters, buffers and submodules without an AttributeError. */

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

PyTypeObject AttributesType = {
    PyVarObject_HEAD_INIT(NULL, 0)
    .tp_name = "kilnn.native._core.Attributes",
    .tp_doc = PyDoc_STR("Base of Module: attribute look-up goes on in _parameters, _buffers and _modules."),
    .tp_basicsize = sizeof(PyObject),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
    .tp_getattro = get,
    .tp_new = PyType_GenericNew,
};
