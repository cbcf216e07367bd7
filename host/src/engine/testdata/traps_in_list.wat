;; A task module that traps while it lists its functions.
(module
  (memory (export "memory") 1)
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) unreachable)
  (func $list (export "isopool:task/runner@0.1.0#functions") (result i32) unreachable)
  (func (export "isopool:task/runner@0.1.0#run") (param i32 i32 i32 i32 i32 i32) (result i32) unreachable))
