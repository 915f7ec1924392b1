//! The shared library as a C program sees it: `abi.c` holds the cases, each a test here.
#![cfg(unix)]

mod support;

use std::path::PathBuf;
use std::process::Command;
use std::sync::LazyLock;

use support::{engine, has, library, succeed};

/// The compiled `abi.c`; `None` where there is no C compiler.
static PROGRAM: LazyLock<Option<PathBuf>> = LazyLock::new(|| {
    if !has("cc") {
        return None;
    }
    let program = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("abi");
    // Named by its path, which the program then keeps: cargo's search path for libraries may
    // lead to an older build.
    succeed(
        Command::new("cc")
            .args(["-std=c11", "-Wall", "-Wextra", "-Werror", "-g", "-pthread", "-I"])
            .arg(engine().join("include"))
            .arg(engine().join("tests/abi.c"))
            .arg(library())
            .arg("-o")
            .arg(&program),
    );
    Some(program)
});

/// Each name is a function of `abi.c`.
macro_rules! cases {
    ($($name:ident)*) => {
        $(
            #[test]
            fn $name() {
                if let Some(program) = PROGRAM.as_ref() {
                    succeed(Command::new(program).arg(stringify!($name)));
                }
            }
        )*

        #[test]
        fn every_case_of_the_c_program_is_a_test() {
            if let Some(program) = PROGRAM.as_ref() {
                let listed = succeed(Command::new(program).arg("--list")).stdout;
                let listed = String::from_utf8(listed).unwrap();
                assert_eq!(listed.lines().collect::<Vec<_>>(), [$(stringify!($name)),*]);
            }
        }
    };
}

cases! {
    the_version_is_3_2
    a_context_is_made_for_compatible_callers_only
    a_new_context_has_no_error
    the_end_can_begin_early
    a_taken_output_outlives_its_context
    a_lent_output_stays_where_it_is
    an_output_is_taken_once_and_not_after_it_was_lent
    an_output_that_was_not_written_is_empty
    only_buffers_of_the_context_can_be_fetched
    out_parameters_of_outputs_must_not_be_null
    an_input_is_copied_or_borrowed_as_asked
    a_lifetime_that_is_none_is_refused
    what_is_no_picture_is_refused
    a_number_is_used_once
    a_request_is_answered_in_json
    an_answer_is_freed_once
    an_answer_belongs_to_one_context
    no_answer_cannot_be_read
    a_request_without_its_arguments_has_no_answer
    the_first_error_stays
    hostile_json_is_an_error_and_nothing_else
    a_request_has_at_most_64_mib
    a_long_error_text_is_cut
    an_error_text_fits_or_is_cut
    a_teapot_is_no_error
    memory_is_zeroed_aligned_and_freed_once
    memory_that_is_not_there_is_an_error
    a_cancelled_context_does_nothing_more
    eight_threads_with_a_context_each_do_not_disturb_each_other
    a_running_job_can_be_cancelled
    who_waits_for_a_job_hinders_nobody
    jobs_run_on_a_stack_of_256_kib
    a_null_context_aborts_with_a_message
    an_error_can_be_printed_and_end_the_process
    a_forked_child_can_go_on
    failures_print_nothing
}

/// Slow, so by hand: `cargo test --test abi -- --ignored`.
#[test]
#[ignore = "needs valgrind and takes half a minute"]
fn the_c_program_makes_no_memory_error() {
    let Some(program) = PROGRAM.as_ref() else { return };
    succeed(
        Command::new("valgrind")
            .args(["--quiet", "--error-exitcode=9", "--leak-check=full"])
            .arg("--errors-for-leak-kinds=definite,possible")
            .arg(program)
            .arg("all"),
    );
}
