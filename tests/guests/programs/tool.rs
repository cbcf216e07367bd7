//! A WASI program as anybody writes one, compiled for preview 2: each word on its command line does one thing.

use std::io::{Read, Write};
use std::{env, fs, io, process};

fn main() {
    let mut arguments = env::args().skip(1);
    let Some(word) = arguments.next() else {
        eprintln!("usage: tool WORD [ARGUMENTS]");
        process::exit(2);
    };
    let arguments: Vec<String> = arguments.collect();
    let number = |place: usize| arguments[place].parse::<usize>().expect("a number");
    match word.as_str() {
        // Lines of standard input that have a word in them, with their numbers.
        "grep" => {
            let mut found = 1;
            for (line, number) in io::stdin().lines().zip(1..) {
                let line = line.expect("text");
                if line.contains(&arguments[0]) {
                    println!("{number}:{line}");
                    found = 0;
                }
            }
            process::exit(found);
        }
        "cat" => {
            let mut bytes = Vec::new();
            io::stdin().read_to_end(&mut bytes).expect("bytes");
            io::stdout().write_all(&bytes).expect("written");
        }
        // One line, as soon as it is there.
        "first" => {
            let mut line = String::new();
            io::stdin().read_line(&mut line).expect("text");
            print!("{line}");
        }
        "arguments" => println!("{:?}", env::args().collect::<Vec<_>>()),
        "env" => env::vars().for_each(|(name, value)| println!("{name}={value}")),
        "exit" => process::exit(number(0) as i32),
        "fail" => {
            println!("before");
            eprintln!("it goes wrong");
            process::abort();
        }
        "write" => io::stdout().write_all(&vec![b'x'; number(0)]).expect("written"),
        "allocate" => println!("{}", vec![1_u8; number(0)].len()),
        "spin" => loop {
            std::hint::spin_loop();
        },
        "thread" => match std::thread::Builder::new().spawn(|| {}) {
            Ok(_) => println!("a thread"),
            Err(error) => println!("no thread: {error}"),
        },
        "list" => match fs::read_dir(&arguments[0]) {
            Ok(entries) => {
                let mut names: Vec<_> = entries.map(|entry| entry.expect("an entry").file_name()).collect();
                names.sort();
                println!("{names:?}");
            }
            Err(error) => {
                eprintln!("{}: {error}", arguments[0]);
                process::exit(1);
            }
        },
        "replace" => {
            let text = fs::read_to_string(&arguments[0]).expect("a text");
            match fs::write(&arguments[0], text.replace(&arguments[1], &arguments[2])) {
                Ok(()) => println!("{} replaced", text.matches(&arguments[1]).count()),
                Err(error) => {
                    eprintln!("{}: {error}", arguments[0]);
                    process::exit(1);
                }
            }
        }
        other => {
            eprintln!("unknown word: {other}");
            process::exit(2);
        }
    }
}
