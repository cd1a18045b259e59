//! Which fonts there are, and which of them have to be read: a system has hundreds, and a dialog
//! needs two or three.
