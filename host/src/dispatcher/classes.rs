//! Numbers for the classes of tasks: the state machine compares them at every step, and need know no more.

use crate::limits::REMEMBERED_CLASSES;
use crate::task::{Class, ClassId};
use std::collections::HashMap;
use std::sync::Arc;

/// The classes of a pool. A class that no task and no worker has is forgotten, sooner or later.
#[derive(Debug)]
pub(super) struct Classes {
    /// The executor's own, number 0.
    own: Arc<Class>,
    numbers: HashMap<Arc<Class>, ClassId>,
    classes: HashMap<ClassId, Arc<Class>>,
    next: u32,
    clear_at: usize,
}

impl Classes {
    pub(super) fn new(own: Arc<Class>) -> Self {
        let (numbers, classes) = Default::default();
        Self { own, numbers, classes, next: 1, clear_at: REMEMBERED_CLASSES }
    }

    /// The number of a class. It holds for as long as someone has the class, which is `class` afterwards.
    pub(super) fn number(&mut self, class: &mut Arc<Class>) -> ClassId {
        if Arc::ptr_eq(class, &self.own) {
            return ClassId::default();
        }
        if *class == self.own {
            *class = Arc::clone(&self.own);
            return ClassId::default();
        }
        if let Some((known, &number)) = self.numbers.get_key_value(class) {
            *class = Arc::clone(known);
            return number;
        }
        self.clear();
        let number = self.free_number();
        self.numbers.insert(Arc::clone(class), number);
        self.classes.insert(number, Arc::clone(class));
        number
    }

    /// The class of a number that someone has.
    pub(super) fn class(&self, number: ClassId) -> &Arc<Class> {
        self.classes.get(&number).unwrap_or(&self.own)
    }

    /// Numbers come again after four billion, when nobody has them.
    fn free_number(&mut self) -> ClassId {
        loop {
            let number = ClassId(self.next);
            self.next = self.next.wrapping_add(1).max(1);
            if !self.classes.contains_key(&number) {
                return number;
            }
        }
    }

    /// Forgets what nobody has but the two tables here.
    fn clear(&mut self) {
        if self.numbers.len() < self.clear_at {
            return;
        }
        self.numbers.retain(|class, number| {
            let is_used = Arc::strong_count(class) > 2;
            if !is_used {
                self.classes.remove(number);
            }
            is_used
        });
        self.clear_at = REMEMBERED_CLASSES.max(2 * self.numbers.len());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_tenant(name: &str) -> Arc<Class> {
        Arc::new(Class { tenant: Some(name.into()), ..Class::default() })
    }

    #[test]
    fn equal_classes_have_one_number_and_others_have_others() {
        let own = of_tenant("own");
        let mut classes = Classes::new(Arc::clone(&own));
        let (mut a, mut b) = (of_tenant("a"), of_tenant("b"));
        let (one, two) = (classes.number(&mut a), classes.number(&mut b));
        assert!(one != two && one != ClassId(0) && two != ClassId(0));
        assert_eq!(classes.number(&mut of_tenant("a")), one);
        assert_eq!((classes.number(&mut of_tenant("own")), classes.class(ClassId(0))), (ClassId(0), &own));
        assert_eq!((classes.class(one), classes.class(two)), (&a, &b));
    }

    #[test]
    fn what_nobody_has_is_forgotten_and_what_someone_has_is_not() {
        let mut classes = Classes::new(Arc::default());
        let mut kept = of_tenant("kept");
        let number = classes.number(&mut kept);
        // Another one that is equal: the one that is kept is the one that counts.
        let mut again = of_tenant("kept");
        assert_eq!(classes.number(&mut again), number);
        drop(kept);
        for n in 0..10 * REMEMBERED_CLASSES {
            classes.number(&mut of_tenant(&n.to_string()));
            assert!(classes.numbers.len() <= REMEMBERED_CLASSES && classes.classes.len() == classes.numbers.len());
        }
        assert_eq!(classes.number(&mut of_tenant("kept")), number);
    }
}
