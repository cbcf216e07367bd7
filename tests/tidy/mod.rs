//! What it does: holds the sources to the rules of the house: who imports whom, headers, sizes, words that must not occur.
//! Takes from: the checkout. Hands to: the person who reads the failure.
//! Never: builds or runs anything.

mod behaviours;
mod checkout;
mod imports;
mod limits;
mod promises;
mod rooms;
mod rules;
mod source;
