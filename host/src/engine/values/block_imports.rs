//! The other way round: functions that a component imports of its caller, and whose bytes travel as a block.

use super::super::guest::Guest;
use super::blocks::{BlockShape, Params, Returns};
use crate::values::{Reader, ValueError, Writer};
use wasmtime::StoreContextMut;
use wasmtime::component::{ComponentNamedList, Lift, LinkerInstance, Lower};

/// A call that goes out: what the guest passes as bytes, and how what comes back is read.
pub(in crate::engine) trait Outgoing: Send + Sync + 'static {
    /// Calls, and reads what came back.
    fn call<R>(
        &self,
        guest: &mut Guest,
        argument: Result<Vec<u8>, ValueError>,
        read: impl FnOnce(&[u8]) -> Result<R, ValueError>,
    ) -> wasmtime::Result<R>;
}

impl BlockShape {
    /// Gives a component such a function.
    pub(in crate::engine) fn import(
        self,
        place: &mut LinkerInstance<'_, Guest>,
        name: &str,
        call: impl Outgoing,
    ) -> wasmtime::Result<()> {
        let returns = self.result;
        match self.params {
            Params::None => import_with::<()>(returns, place, name, call),
            Params::Bytes => import_with::<(Vec<u8>,)>(returns, place, name, call),
            Params::Text => import_with::<(String,)>(returns, place, name, call),
            Params::BytesBytes => import_with::<(Vec<u8>, Vec<u8>)>(returns, place, name, call),
            Params::BytesText => import_with::<(Vec<u8>, String)>(returns, place, name, call),
            Params::TextBytes => import_with::<(String, Vec<u8>)>(returns, place, name, call),
            Params::BytesNumberNumber => import_with::<(Vec<u8>, u32, u32)>(returns, place, name, call),
        }
    }
}

fn import_with<P: ComponentNamedList + Lift + Parts + 'static>(
    returns: Returns,
    place: &mut LinkerInstance<'_, Guest>,
    name: &str,
    call: impl Outgoing,
) -> wasmtime::Result<()> {
    match returns {
        Returns::Nothing => import::<P, ()>(place, name, call),
        Returns::Bytes => import::<P, (Vec<u8>,)>(place, name, call),
        Returns::BytesOrText => import::<P, (Result<Vec<u8>, String>,)>(place, name, call),
        Returns::NothingOrText => import::<P, (Result<(), String>,)>(place, name, call),
        Returns::Text => import::<P, (String,)>(place, name, call),
        Returns::TextOrText => import::<P, (Result<String, String>,)>(place, name, call),
    }
}

fn import<P, R>(place: &mut LinkerInstance<'_, Guest>, name: &str, call: impl Outgoing) -> wasmtime::Result<()>
where
    P: ComponentNamedList + Lift + Parts + 'static,
    R: ComponentNamedList + Lower + Parts + 'static,
{
    place.func_wrap(name, move |mut store: StoreContextMut<'_, Guest>, passed: P| {
        let mut out = Writer::default();
        let argument = passed.write(&mut out).map(|()| out.into_bytes());
        call.call(store.data_mut(), argument, |bytes| {
            let mut input = Reader::new(bytes);
            R::read(&mut input).and_then(|returned| input.end().map(|()| returned))
        })
    })
}

/// One value, as bytes.
trait Part: Sized {
    fn write(&self, out: &mut Writer) -> Result<(), ValueError>;
    fn read(input: &mut Reader<'_>) -> Result<Self, ValueError>;
}

/// All arguments, or a result.
trait Parts: Sized {
    fn write(&self, out: &mut Writer) -> Result<(), ValueError>;
    fn read(input: &mut Reader<'_>) -> Result<Self, ValueError>;
}

impl Part for Vec<u8> {
    fn write(&self, out: &mut Writer) -> Result<(), ValueError> {
        out.block(self)
    }

    fn read(input: &mut Reader<'_>) -> Result<Self, ValueError> {
        input.block().map(<[u8]>::to_vec)
    }
}

impl Part for String {
    fn write(&self, out: &mut Writer) -> Result<(), ValueError> {
        out.block(self.as_bytes())
    }

    fn read(input: &mut Reader<'_>) -> Result<Self, ValueError> {
        input.text().map(str::to_owned)
    }
}

impl Part for u32 {
    fn write(&self, out: &mut Writer) -> Result<(), ValueError> {
        out.u32(*self);
        Ok(())
    }

    fn read(input: &mut Reader<'_>) -> Result<Self, ValueError> {
        input.u32()
    }
}

/// What a `result` without a value carries.
impl Part for () {
    fn write(&self, _: &mut Writer) -> Result<(), ValueError> {
        Ok(())
    }

    fn read(_: &mut Reader<'_>) -> Result<Self, ValueError> {
        Ok(())
    }
}

impl<T: Part> Part for Result<T, String> {
    fn write(&self, out: &mut Writer) -> Result<(), ValueError> {
        out.byte(u8::from(self.is_err()));
        match self {
            Ok(value) => value.write(out),
            Err(text) => text.write(out),
        }
    }

    fn read(input: &mut Reader<'_>) -> Result<Self, ValueError> {
        Ok(if input.truth()? { Err(String::read(input)?) } else { Ok(T::read(input)?) })
    }
}

macro_rules! parts {
    ($($part:ident)*) => {
        #[allow(non_snake_case, unused_variables, reason = "a variable for each part, and there may be none")]
        impl<$($part: Part),*> Parts for ($($part,)*) {
            fn write(&self, out: &mut Writer) -> Result<(), ValueError> {
                let ($($part,)*) = self;
                $($part.write(out)?;)*
                Ok(())
            }

            fn read(input: &mut Reader<'_>) -> Result<Self, ValueError> {
                Ok(($($part::read(input)?,)*))
            }
        }
    };
}

parts!();
parts!(A);
parts!(A B);
parts!(A B C);
