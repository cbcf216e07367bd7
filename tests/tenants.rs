//! Tasks of several tenants in one pool: no process ever serves two of them, and none of them starves.

use crate::patience::{end_of, only_worker, until};
use crate::support::{begin_waiting, executor, house};
use guest_basic::{crash, nested, state, value};
use isopool::{Executor, ExecutorBuilder, IntoTask, Reuse, Shutdown, StartMethod, TaskFuture, get_context, limits};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

fn submit<T: IntoTask>(executor: &Executor, tenant: &str, task: T) -> TaskFuture<T::Output> {
    let task = task.into_task();
    executor.submit(if tenant.is_empty() { task } else { task.tenant(tenant) }).expect("an open executor")
}

/// The process that ran a task, once it has ended.
fn process_of<T: serde::de::DeserializeOwned>(future: &TaskFuture<T>) -> u32 {
    end_of(future).expect("a sound task");
    future.report().expect("it has run").pid
}

const TENANTS: [&str; 4] = ["", "ada", "grace", "a name with spaces, and ümlauts"];

fn no_process_serves_two_tenants(builder: ExecutorBuilder) {
    let executor = builder.max_workers(2).build().expect("builds");
    let futures: Vec<_> = (0..40)
        .flat_map(|n| TENANTS.map(|tenant| (tenant, submit(&executor, tenant, value::add::task(n, 1)))))
        .collect();
    let parents = TENANTS.map(|tenant| (tenant, submit(&executor, tenant, nested::sum_of_many::task(10))));
    let mut tenants_of = BTreeMap::<u32, BTreeSet<&str>>::new();
    for (tenant, future) in futures.iter().chain(&parents.map(|(tenant, future)| (tenant, future))) {
        assert_eq!(future.task().tenant().unwrap_or(""), *tenant);
        tenants_of.entry(process_of(future)).or_default().insert(tenant);
    }
    assert!(tenants_of.values().all(|tenants| tenants.len() == 1), "a process served two tenants: {tenants_of:?}");
    let stats = executor.stats();
    assert!(stats.workers_replaced >= 2, "four tenants took turns on two workers: {stats:?}");
    assert_eq!((stats.failed, stats.workers_lost), (0, 0));
    executor.shutdown(Shutdown::Finish);
}

#[test]
fn no_process_serves_two_tenants_under_any_start_method() {
    let _house = house();
    for method in [StartMethod::Spawn, StartMethod::ForkServer, StartMethod::Fork] {
        no_process_serves_two_tenants(get_context(method).executor());
    }
}

#[test]
fn no_process_serves_two_tenants_when_instances_are_kept() {
    let _house = house();
    no_process_serves_two_tenants(Executor::builder().reuse(Reuse::Worker));
    let executor = Executor::builder().max_workers(1).reuse(Reuse::Worker).build().expect("builds");
    let count = |tenant| end_of(&submit(&executor, tenant, state::counter::task())).expect("counts");
    assert_eq!(["ada", "ada", "grace", "ada", "", "grace"].map(count), [1, 2, 1, 1, 1, 1]);
}

#[test]
fn a_tenant_s_worker_is_kept_for_its_next_task_while_there_is_room_for_the_others() {
    let _house = house();
    let executor = executor(2);
    let process = |tenant| process_of(&submit(&executor, tenant, value::add::task(1, 2)));
    let (ada, grace) = (process("ada"), process("grace"));
    for _ in 0..10 {
        assert_eq!((process("ada"), process("grace")), (ada, grace));
    }
    let stats = executor.stats();
    assert_eq!((stats.workers_started, stats.workers_replaced), (2, 0));
}

#[test]
fn the_tenant_of_an_executor_is_that_of_tasks_that_name_none() {
    let _house = house();
    let executor = Executor::builder().max_workers(1).tenant("ada").build().expect("builds");
    let future = executor.submit(value::add::task(1, 2)).expect("submits");
    let pid = process_of(&future);
    assert_eq!(future.task().tenant(), Some("ada"));
    assert_eq!(process_of(&submit(&executor, "ada", value::add::task(1, 2))), pid, "the same tenant");
    assert_ne!(process_of(&submit(&executor, "grace", value::add::task(1, 2))), pid);
    assert_eq!(executor.stats().workers_replaced, 1);
}

#[test]
fn a_tenant_with_endless_work_starves_nobody() {
    let _house = house();
    let executor = Executor::builder().max_workers(1).queue_capacity(500).build().expect("builds");
    let (flood, is_over) = (executor.clone(), Arc::new(AtomicBool::new(false)));
    let over = Arc::clone(&is_over);
    let endless = std::thread::spawn(move || {
        while !over.load(Ordering::Relaxed) {
            submit(&flood, "ada", value::add::task(1, 2));
        }
    });
    for _ in 0..5 {
        assert_eq!(end_of(&submit(&executor, "grace", value::add::task(1, 2))), Ok(3));
    }
    is_over.store(true, Ordering::Relaxed);
    endless.join().expect("submits to the end");
    executor.shutdown(Shutdown::CancelPending);
}

#[test]
fn a_busy_worker_of_another_tenant_is_waited_for_and_not_stopped() {
    let _house = house();
    let executor = executor(1);
    let busy = begin_waiting(&executor);
    let worker = only_worker(&executor);
    let waits = submit(&executor, "grace", value::add::task(1, 2));
    until("it waits", || executor.stats().waiting == 1);
    assert!(busy.running() && executor.stats().workers == [worker]);
    assert!(busy.cancel());
    assert_ne!(process_of(&waits), worker.pid);
}

#[test]
fn a_crash_names_the_tenant_and_costs_the_others_nothing() {
    let _house = house();
    let executor = executor(2);
    let pid = process_of(&submit(&executor, "ada", value::add::task(1, 2)));
    let error = end_of(&submit(&executor, "grace", crash::trap_unreachable::task())).expect_err("it traps").to_string();
    assert!(error.contains(", of tenant \"grace\")"), "{error}");
    assert_eq!(process_of(&submit(&executor, "ada", value::add::task(1, 2))), pid);
}

#[test]
fn names_of_tenants_that_cannot_be_are_refused_at_the_door() {
    let _house = house();
    let executor = executor(1);
    for name in [String::new(), "x".repeat(limits::MAX_TENANT_BYTES + 1)] {
        let error = executor.submit(value::add::task(1, 2).into_task().tenant(&name)).expect_err("no name");
        assert_eq!(
            error.to_string(),
            format!("the name of a tenant has {} bytes; it must have between 1 and 128", name.len())
        );
        let refused = executor.try_submit(value::add::task(1, 2).into_task().tenant(&name)).expect_err("no name");
        assert_eq!(refused.error.to_string(), error.to_string());
        assert!(Executor::builder().tenant(&name).build().is_err());
    }
    let longest = "x".repeat(limits::MAX_TENANT_BYTES);
    assert_eq!(end_of(&submit(&executor, &longest, value::add::task(1, 2))), Ok(3));
    assert_eq!(executor.stats().submitted, 1);
}
