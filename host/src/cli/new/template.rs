//! What each kind of project begins with.

use clap::ValueEnum;

/// What a project is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(in super::super) enum Template {
    /// A package of tasks in Rust, with a program that runs them
    Tasks,
    /// A program in Rust whose closures run in sandboxes
    Closures,
    /// A program in Rust that loads plugins
    PluginHost,
    /// A plugin in Rust for such a program
    Plugin,
    /// Tasks in C
    C,
    /// Tasks in JavaScript
    Javascript,
    /// Tasks in Python
    Python,
}

/// A file: where it goes, and what is in it. One whose name ends with `.template` loses that, and names are put into it.
pub(super) type File = (&'static str, &'static [u8]);

/// Files of one folder beside this one, under their own names.
macro_rules! files {
    ($folder:literal: $($name:literal),+ $(,)?) => {
        &[$(($name, include_bytes!(concat!("templates/", $folder, "/", $name)))),+]
    };
}

/// A name like `Cargo.toml` would make cargo leave a folder of templates out of this package; `.gitignore` would make git
/// leave files out of the repository.
const IGNORED_BY_GIT: File = (".gitignore", include_bytes!("templates/gitignore"));
const IGNORED_BESIDE_SCRIPTS: File = (".gitignore", include_bytes!("templates/gitignore-scripts"));

/// Cargo would act upon a folder `.cargo` above its own.
const TESTS_IN_SANDBOXES: File = (".cargo/config.toml", include_bytes!("templates/cargo-config.toml"));

/// The contract, for tools that make components of scripts.
const CONTRACT: File = ("wit/isopool.wit", include_bytes!("templates/isopool.wit"));

impl Template {
    /// The files of such a project.
    pub(super) fn files(self) -> impl Iterator<Item = File> {
        let (own, common): (&[File], &[File]) = match self {
            Self::Tasks => (
                files!("tasks": "Cargo.toml.template", "README.md.template", "build.rs", "src/lib.rs",
                    "examples/hello.rs.template", "tests/pool.rs.template"),
                &[IGNORED_BY_GIT],
            ),
            Self::Closures => (
                files!("closures": "Cargo.toml.template", "README.md.template", "build.rs", "src/main.rs"),
                &[IGNORED_BY_GIT],
            ),
            Self::PluginHost => (
                files!("plugin-host": "Cargo.toml.template", "README.md.template", "build.rs", "src/lib.rs",
                    "src/main.rs.template", "tests/plugins.rs.template", "plugins/shout/Cargo.toml.template",
                    "plugins/shout/build.rs", "plugins/shout/src/lib.rs"),
                &[IGNORED_BY_GIT],
            ),
            Self::Plugin => (
                files!("plugin": "Cargo.toml.template", "README.md.template", "build.rs", "src/lib.rs"),
                &[IGNORED_BY_GIT, TESTS_IN_SANDBOXES],
            ),
            Self::C => (
                files!("c": "README.md.template", "build.sh.template", "test.sh.template", "tasks.c", "runner.c",
                    "runner.h", "bindings/task_module.c", "bindings/task_module.h",
                    "bindings/task_module_component_type.o"),
                &[IGNORED_BESIDE_SCRIPTS],
            ),
            Self::Javascript => (
                files!("javascript": "README.md.template", "build.sh.template", "test.sh.template", "tasks.js",
                    "runner.js", "utf8.js"),
                &[IGNORED_BESIDE_SCRIPTS, CONTRACT],
            ),
            Self::Python => (
                files!("python": "README.md.template", "build.sh.template", "test.sh.template", "tasks.py", "runner.py"),
                &[IGNORED_BESIDE_SCRIPTS, CONTRACT],
            ),
        };
        own.iter().chain(common).copied()
    }

    /// Whether cargo builds it.
    pub(super) fn is_rust(self) -> bool {
        matches!(self, Self::Tasks | Self::Closures | Self::PluginHost | Self::Plugin)
    }
}
