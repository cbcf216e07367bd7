;; A core module that is no task module.
(module (func (export "score")))
