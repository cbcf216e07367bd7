;; A component that is no task module.
(component (core module $m (func unreachable)) (export "plugin" (core module $m)))
