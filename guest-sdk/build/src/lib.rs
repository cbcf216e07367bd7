//! Compiles task modules from a build script.
