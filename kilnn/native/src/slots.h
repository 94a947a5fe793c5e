/* What C needs of the engine, one list each: a name here becomes a field of `engine` or `at`, and setup() fills it. */

#ifndef KILNN_SLOTS_H
#define KILNN_SLOTS_H

/* Classes whose instances C makes or tells apart. */
#define ENGINE_TYPES(X) \
    X(Value) X(RangeValue) X(Storage) X(FlatStorage) X(PartStorage) X(Counter) X(Node) X(Trace) X(Bundle)

/* handles: set of the exact classes of tensors. arrays: set of the exact classes of computed data that a program takes.
   local: thread-local holder of the context. sequence, marks, clock: counters of nodes, of walks, of uses.
   ranges: (aval of a flat value, aval of a part) -> entry. heads: number -> entry. seeds: aval of a root -> its gradient.
   blank_trace: what new traces are like. swap_x64, set_x64: see placement.x64_switch. several_devices, interrupted:
   lists, empty as a rule. detached, anomaly_modes: see views and anomaly. pending: error words of programs in flight.
   running, open_traces: started programs, traces that may still have to run. check_trace: None, or what verifies a trace
   before its run. The rest: Python twins and what they call. */
#define ENGINE_OBJECTS(X) \
    X(handles) X(arrays) X(tensor_class) X(local) X(sequence) X(ranges) X(keeps_strides) \
    X(record) X(record_check) X(continue_walk) X(back_pressure) X(stopped) X(check_trace) \
    X(flat_gradient) X(heads) X(config) X(make_lock) X(blank_trace) \
    X(ndarray) X(make_array) X(vector_dtypes) X(swap_x64) X(set_x64) \
    X(several_devices) X(interrupted) X(pending) X(running) X(open_traces) X(clock) \
    X(seeds) X(marks) X(detached) X(anomaly_modes)

/* X(group in `at`, class, what its slots' names begin with in Python, slots) */
#define SLOT_GROUPS(X) \
    X(value, Value, "", S(aval) S(data) S(index) S(instr) S(passed) S(trace)) \
    X(range, RangeValue, "", S(flat) S(offset)) \
    X(storage, Storage, "", S(part) S(value) S(version)) \
    X(flat, FlatStorage, "", S(broken) S(parts)) \
    X(part, Part, "", S(aval) S(flat) S(offset) S(read)) \
    X(counter, Counter, "", S(version)) \
    X(handle, Handle, "_", S(extra) S(grad) S(leaf) S(node) S(output) S(storage) S(view)) \
    X(node, Node, "", S(counters) S(edges) S(hooks) S(mark) S(plan) S(saved) S(sequence) S(versions)) \
    X(view, View, "", S(attr_version) S(base) S(cache) S(counter) S(op) S(parent) S(root) S(strides)) \
    X(trace, Trace, "", S(bundles) S(checks) S(context) S(device) S(done) S(donated) S(doubles) S(expected) \
      S(expected_short) S(failure) S(floats) S(grad_open) S(has_update) S(immediate) S(ints) S(leaf_slot) S(leaves) S(limit) S(lock) \
      S(predicted) S(roots) S(sealed) S(undo) S(values)) \
    X(context, Context, "", S(autocast) S(device) S(eager) S(grad) S(new_steps) S(predicted) S(predicted_recipe) S(trace)) \
    X(recipe, Recipe, "", S(bound) S(next) S(signature) S(used)) \
    X(bound, Bound, "", S(donated) S(live) S(main_live) S(numbers) S(places) S(program) S(single) S(vectors) S(wasted) \
      S(whole)) \
    X(program, Program, "", S(call) S(first) S(in_flight) S(used)) \
    X(entry, Entry, "", S(avals) S(check) S(device) S(differentiable) S(end_to_end) S(floating) S(head) S(in_avals) \
      S(kinds) S(nout) S(plans) S(state)) \
    X(bundle, Bundle, "", S(avals) S(entries) S(new_steps) S(offsets) S(pack) S(params) S(part) S(state) S(storages) \
      S(together) S(weight)) \
    X(plan, Plan, "", S(backward) S(entry) S(frees) S(outputs) S(plain) S(saves) S(wanted))

#endif
