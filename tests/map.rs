//! The same function for many items: `map` and `map_unordered`.

use crate::support::{executor, house, no_hang, wait_for_ever, wait_until};
use guest_basic::{failure, resources, value};
use isopool::{ErrorKind, Shutdown, TaskError};
use std::cell::Cell;
use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

// behaviour: B12
#[test]
fn results_come_in_the_order_of_the_items_whatever_the_chunk_size() {
    let _house = house();
    let executor = executor(2);
    let expected: Vec<u64> = (0..500).map(|n| n + 7).collect();
    let plain: Result<Vec<u64>, _> = executor.map(|n| value::add::task(n, 7), 0..500).collect();
    assert_eq!(plain.expect("no item fails"), expected);
    for chunk_size in [1, 3, 64, 10_000] {
        let map = executor.map(|n| value::add::task(n, 7), 0..500).chunk_size(chunk_size).expect("it is not 0");
        assert_eq!(map.collect::<Result<Vec<_>, _>>().expect("no item fails"), expected, "chunks of {chunk_size}");
    }
    // The first items take longest.
    let items = [200, 100, 0, 50, 0];
    let slow = executor.map(resources::sleep_ms::task, items).map(|result| result.expect("sleeps"));
    assert_eq!(slow.count(), items.len());
    assert_eq!(executor.map(|n| value::add::task(n, 0), 0..0).count(), 0, "no items, no results");
}

// behaviour: B12
#[test]
fn chunks_and_buffers_of_nothing_are_refused_by_name() {
    let _house = house();
    let executor = executor(1);
    let map = || executor.map(|n| value::add::task(n, 0), 0..3);
    let unordered = || executor.map_unordered(|n| value::add::task(n, 0), 0..3);
    let errors = [
        ("chunk_size", map().chunk_size(0).err()),
        ("buffer_size", map().buffer_size(0).err()),
        ("chunk_size", unordered().chunk_size(0).err()),
        ("buffer_size", unordered().buffer_size(0).err()),
    ];
    for (option, error) in errors {
        let error = error.expect("0 is refused");
        assert_eq!(error.kind(), ErrorKind::InvalidOption);
        assert!(error.to_string().starts_with(&format!("{option} is 0")), "{error}");
    }
    assert_eq!(executor.stats().submitted, 0);
}

// behaviour: B12
#[test]
fn an_error_is_its_own_item_s_and_the_others_come_all_the_same() {
    let _house = house();
    let executor = executor(2);
    let texts = ["1", "two", "3", "four", "5"];
    let results: Vec<_> = executor.map(|text: &str| failure::fails_with_source::task(text.into()), texts).collect();
    let values: Vec<_> = results.iter().map(|result| result.as_ref().ok().copied()).collect();
    assert_eq!(values, [Some(1), None, Some(3), None, Some(5)]);
    for error in results.iter().filter_map(|result| result.as_ref().err()) {
        assert!(matches!(error, TaskError::Failed { .. }), "{error}");
    }
}

// behaviour: B12
#[test]
fn the_timeout_counts_from_the_call_over_all_items() {
    let _house = house();
    let executor = executor(1);
    // Each item alone is in time; together they take twenty seconds.
    let map = executor.map(resources::sleep_ms::task, std::iter::repeat_n(200, 100));
    let results: Vec<_> = map.timeout(Duration::from_secs(1)).collect();
    let (last, before) = results.split_last().expect("the timeout is told");
    assert!(last.as_ref().is_err_and(TaskError::is_wait_timeout), "{last:?}");
    assert!(before.len() < 100 && before.iter().all(Result::is_ok));
    let unordered = executor.map_unordered(|()| wait_for_ever(), [(), ()]).timeout(Duration::from_millis(20));
    let results: Vec<_> = unordered.collect();
    assert_eq!(results.len(), 1);
    assert!(results[0].1.as_ref().is_err_and(TaskError::is_wait_timeout));
    executor.shutdown(Shutdown::Kill);
}

// behaviour: B12
#[test]
fn an_iterator_that_panics_is_heard_and_the_pool_goes_on() {
    let _house = house();
    let executor = executor(1);
    let items = (0..10).inspect(|n| assert!(*n < 5, "no more items"));
    let mut map = executor.map(|n| value::add::task(n, 0), items).buffer_size(1).expect("it is not 0");
    for n in 0..5 {
        assert_eq!(map.next(), Some(Ok(n)));
    }
    assert!(catch_unwind(AssertUnwindSafe(|| map.next())).is_err());
    drop(map);
    assert_eq!(executor.submit(value::add::task(1, 1)).expect("submits").result(), Ok(2));
}

// behaviour: B12
#[test]
fn items_that_cannot_be_submitted_are_errors_of_their_own() {
    let _house = house();
    let executor = executor(1);
    executor.shutdown(Shutdown::Finish);
    let results: Vec<_> = executor.map(|n| value::add::task(n, 0), 0..3).collect();
    assert_eq!(results.len(), 3);
    for result in results {
        let Err(TaskError::NotSubmitted { error, .. }) = result else { panic!("{result:?}") };
        assert_eq!(error.kind(), ErrorKind::Shutdown);
    }
}

// behaviour: B13
#[test]
fn a_map_over_endless_items_takes_no_more_than_its_buffer_ahead() {
    let _house = house();
    let executor = executor(2);
    for (buffer_size, chunk_size) in [(1, 1), (4, 2), (10, 100)] {
        let taken = Cell::new(0u64);
        let items = (0u64..).inspect(|_| taken.set(taken.get() + 1));
        let map = executor.map(|n| value::add::task(n, 1), items);
        let mut map = map.buffer_size(buffer_size).and_then(|map| map.chunk_size(chunk_size)).expect("neither is 0");
        assert_eq!(taken.get(), 0, "nothing is taken before a result is asked for");
        for given in 0..100 {
            assert_eq!(map.next(), Some(Ok(given + 1)));
            let ahead = taken.get() - given;
            assert!(ahead <= buffer_size as u64, "{ahead} items ahead with a buffer of {buffer_size}");
        }
    }
}

// behaviour: B13
#[test]
fn an_unordered_map_over_endless_items_takes_no_more_than_its_buffer_ahead() {
    let _house = house();
    let executor = executor(2);
    let taken = Cell::new(0u64);
    let items = (0u64..).inspect(|_| taken.set(taken.get() + 1));
    let mut map = executor.map_unordered(|n| value::add::task(n, 1), items).buffer_size(5).expect("it is not 0");
    for given in 0..100 {
        let (place, result) = map.next().expect("it is endless");
        assert_eq!(result, Ok(place as u64 + 1));
        assert!(taken.get() - given <= 5);
    }
}

// behaviour: B14
#[test]
fn an_unordered_map_gives_each_result_with_the_number_of_its_item_as_it_comes() {
    let _house = house();
    let executor = executor(2);
    let places: BTreeSet<_> = executor
        .map_unordered(|n| value::add::task(n, 10), 0..300)
        .map(|(place, result)| {
            assert_eq!(result, Ok(place as u64 + 10));
            place
        })
        .collect();
    assert_eq!(places, (0..300).collect());
    // The first item waits for ever, and the others come past it.
    let mut map = executor.map_unordered(resources::sleep_ms::task, [600_000, 1, 1, 1]);
    let mut places: Vec<_> =
        map.by_ref().take(3).map(|(place, result)| result.map(|()| place).expect("sleeps")).collect();
    places.sort_unstable();
    assert_eq!(places, [1, 2, 3]);
    drop(map);
    executor.shutdown(Shutdown::Kill);
}

// behaviour: B14
#[test]
fn a_map_over_tuples_has_many_inputs() {
    let _house = house();
    let executor = executor(2);
    let items = (0u64..5).zip([10u64, 20, 30]);
    let sums: Vec<_> = executor.map(|(a, b)| value::add::task(a, b), items).map(|sum| sum.expect("adds")).collect();
    assert_eq!(sums, [10, 21, 32], "it ends with the shortest input");
}

// behaviour: B14
#[test]
fn a_map_that_is_dropped_cancels_what_has_not_begun() {
    let _house = house();
    let executor = executor(1);
    let items = || [1u64].into_iter().chain(std::iter::repeat_n(600_000, 30));
    let mut map = executor.map(resources::sleep_ms::task, items()).buffer_size(31).expect("it is not 0");
    assert_eq!(map.next(), Some(Ok(())));
    drop(map);
    // One at most may have begun by then.
    wait_until("all but one were cancelled", || executor.stats().cancelled >= 29);
    let mut map = executor.map_unordered(resources::sleep_ms::task, std::iter::repeat_n(600_000, 30));
    map = map.timeout(Duration::from_millis(1));
    assert!(map.next().is_some());
    drop(map);
    wait_until("all of the second map were cancelled", || executor.stats().cancelled >= 29 + 29);
    no_hang("the end of what had begun", move || executor.shutdown(Shutdown::Kill));
}
