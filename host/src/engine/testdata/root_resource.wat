;; A component that exports a resource at its root, where no interface is.
(component
  (type $thing (resource (rep i32)))
  (core func $new (canon resource.new $thing))
  (core module $code
    (import "canon" "new" (func $new (param i32) (result i32)))
    (func (export "make") (result i32) (call $new (i32.const 1))))
  (core instance $code (instantiate $code (with "canon" (instance (export "new" (func $new))))))
  (func $make (result (own $thing)) (canon lift (core func $code "make")))
  (export $exported "thing" (type $thing))
  (export "[constructor]thing" (func $make) (func (result (own $exported)))))
