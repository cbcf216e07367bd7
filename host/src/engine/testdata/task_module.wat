;; A task module for the room tests: every way to end a run. The first letter of a function's name says what it does.
;; The answer is written at address 16, so that a result is (tag, pointer, length) and a failure (tag, kind, message, trace).
(module
  (import "isopool:task/host@0.1.0" "log" (func $log
    (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32)))
  (import "isopool:task/host@0.1.0" "panicked" (func $panicked (param i32 i32 i32 i32 i32 i32 i32)))
  (import "isopool:task/host@0.1.0" "context" (func $context (param i32)))
  (memory (export "memory") 2)
  (global $next (mut i32) (i32.const 65536))
  (global $count (mut i32) (i32.const 0))
  (data (i32.const 1024) "echobincodesrc/lib.rsboom")
  ;; The list of functions: one entry, `echo`, with an empty signature, no docs and the codec `bincode`.
  (data (i32.const 2048) "\00\04\00\00\04\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\40\08\00\00\01\00\00\00")
  (data (i32.const 2112) "\04\04\00\00\07\00\00\00")
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
    (local $at i32)
    (local.set $at (i32.and (i32.add (global.get $next) (i32.const 15)) (i32.const -16)))
    (global.set $next (i32.add (local.get $at) (local.get 3)))
    (block $fits
      (br_if $fits (i32.le_u (global.get $next) (i32.shl (memory.size) (i32.const 16))))
      (drop (memory.grow (i32.add (i32.shr_u (local.get 3) (i32.const 16)) (i32.const 1)))))
    (local.get $at))
  (func (export "isopool:task/runner@0.1.0#functions") (result i32)
    (i32.store (i32.const 16) (i32.const 2048))
    (i32.store (i32.const 20) (i32.const 1))
    (i32.const 16))
  (func $deep (param i32) (result i32)
    (i32.add (call $deep (i32.add (local.get 0) (i32.const 1))) (i32.const 1)))
  (func $log_once (param $level i32)
    (call $log (local.get $level) (i32.const 1024) (i32.const 4) (i32.const 1045) (i32.const 4)
      (i32.const 1) (i32.const 1035) (i32.const 10) (i32.const 1) (i32.const 7)))
  (func (export "isopool:task/runner@0.1.0#run")
    (param $function i32) (param i32) (param i32) (param i32) (param $argument i32) (param $length i32) (result i32)
    (local $letter i32)
    (local $i i32)
    (local.set $letter (i32.load8_u (local.get $function)))
    (global.set $count (i32.add (global.get $count) (i32.const 1)))
    (i32.store (i32.const 16) (i32.const 0))
    (i32.store (i32.const 20) (local.get $argument))
    (i32.store (i32.const 24) (local.get $length))
    ;; `kind`: a failure of the kind in the first byte of the argument, with the message `boom`.
    (if (i32.eq (local.get $letter) (i32.const 107)) (then
      (i32.store (i32.const 16) (i32.const 1))
      (i32.store (i32.const 20) (i32.load8_u (local.get $argument)))
      (i32.store (i32.const 24) (i32.const 1045))
      (i32.store (i32.const 28) (i32.const 4))
      (i32.store (i32.const 32) (i32.const 0))
      (i32.store (i32.const 36) (i32.const 0))))
    ;; `unreachable`, `wild` (a load out of bounds), `divide`, `stack`
    (if (i32.eq (local.get $letter) (i32.const 117)) (then unreachable))
    (if (i32.eq (local.get $letter) (i32.const 119)) (then (drop (i32.load (i32.const -8)))))
    (if (i32.eq (local.get $letter) (i32.const 100)) (then
      (drop (i32.div_u (i32.const 1) (i32.sub (local.get $length) (local.get $length))))))
    (if (i32.eq (local.get $letter) (i32.const 115)) (then (drop (call $deep (i32.const 0)))))
    ;; `memory`: grows for ever
    (if (i32.eq (local.get $letter) (i32.const 109)) (then
      (loop $more (drop (memory.grow (i32.const 16))) (br $more))))
    ;; `panic`: tells the host, then traps
    (if (i32.eq (local.get $letter) (i32.const 112)) (then
      (call $panicked (i32.const 1045) (i32.const 4) (i32.const 1) (i32.const 1035) (i32.const 10)
        (i32.const 3) (i32.const 4))
      unreachable))
    ;; `log`: one record of each level, the first byte of the argument times
    (if (i32.eq (local.get $letter) (i32.const 108)) (then
      (local.set $i (i32.load16_u (local.get $argument)))
      (loop $again
        (call $log_once (i32.const 0))
        (call $log_once (i32.const 3))
        (br_if $again (local.tee $i (i32.sub (local.get $i) (i32.const 1)))))))
    ;; `count`: how often this instance was called
    (if (i32.eq (local.get $letter) (i32.const 99)) (then
      (i32.store (i32.const 20) (i32.const 28))
      (i32.store (i32.const 24) (i32.const 4))
      (i32.store (i32.const 28) (global.get $count))))
    ;; `big`: as many bytes as the argument says
    (if (i32.eq (local.get $letter) (i32.const 98)) (then
      (i32.store (i32.const 24) (i32.load (local.get $argument)))))
    ;; `task`: where it runs: the task id and the worker index
    (if (i32.eq (local.get $letter) (i32.const 116)) (then
      (i32.store (i32.const 20) (i32.const 40))
      (i32.store (i32.const 24) (i32.const 12))
      (call $context (i32.const 40))))
    ;; `host`: calls the host as often as the argument says
    (if (i32.eq (local.get $letter) (i32.const 104)) (then
      (local.set $i (i32.load (local.get $argument)))
      (loop $call
        (call $context (i32.const 40))
        (br_if $call (local.tee $i (i32.sub (local.get $i) (i32.const 1)))))))
    ;; `for-ever`: computes for ever
    (if (i32.eq (local.get $letter) (i32.const 102)) (then (loop $on (br $on))))
    ;; `nan`: the bits of the sum of two NaNs with the bits of the argument
    (if (i32.eq (local.get $letter) (i32.const 110)) (then
      (i32.store (i32.const 20) (i32.const 28))
      (i32.store (i32.const 24) (i32.const 4))
      (f32.store (i32.const 28) (f32.add
        (f32.load (local.get $argument)) (f32.load (i32.add (local.get $argument) (i32.const 4)))))))
    (i32.const 16)))
