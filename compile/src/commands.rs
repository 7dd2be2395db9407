//! The user's commands as one script, and how to find the command that failed.
//!
//! The script contains only the commands of the spec.

/// Returns a script that runs all commands in one shell and stops at the first that fails.
///
/// Each command is a group. Without groups, `make` followed by `a || b` would run `b` after a failed `make`, a comment at the end of
/// a command would hide the next one, and a here-document would not end. The shell records the number of the running command and
/// reports it when it exits with a failure, however the command caused it (`exit`, `set -e`): with many commands in one step the
/// exit code does not identify the command.
pub(crate) fn script(commands: &[String]) -> String {
    let [_, _, ..] = commands else { return commands.concat() };
    let count = commands.len();
    let mut script = format!(
        "trap 'imagespec_code=$?; [ $imagespec_code = 0 ] || [ -z \"${{imagespec_command-}}\" ] || \
         echo \"{NOTE}$imagespec_command of {count} failed with exit code $imagespec_code\" >&2' EXIT\n"
    );
    let groups = (1..).zip(commands).map(|(number, command)| format!("imagespec_command={number} && {{ {command}\n}}"));
    script += &groups.collect::<Vec<_>>().join(" && ");
    script
}

/// The start of the line that names the failed command.
const NOTE: &str = "imagespec: command ";

/// The index of the command that failed, from a line of the step's output.
///
/// ```
/// assert_eq!(imagespec_compile::ended_command("imagespec: command 2 of 3 failed with exit code 7"), Some(1));
/// assert_eq!(imagespec_compile::ended_command("command 2 of 3"), None);
/// ```
#[must_use]
pub fn ended_command(line: &str) -> Option<usize> {
    let (number, rest) = line.trim().strip_prefix(NOTE)?.split_once(" of ")?;
    let is_ours = rest.contains(" failed with exit code ");
    number.parse::<usize>().ok().filter(|_| is_ours)?.checked_sub(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    fn run(commands: &[&str]) -> (Option<i32>, String, Vec<usize>) {
        let commands: Vec<String> = commands.iter().map(|command| (*command).to_owned()).collect();
        let output = Command::new("/bin/sh").args(["-c", &script(&commands)]).output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        let ended = stderr.lines().filter_map(ended_command).collect();
        (output.status.code(), String::from_utf8(output.stdout).unwrap(), ended)
    }

    #[test]
    fn the_failed_command_is_reported() {
        let check = |commands: &[&str], code, out: &str, ended: &[usize]| {
            assert_eq!(run(commands), (Some(code), out.to_owned(), ended.to_vec()), "{commands:?}");
        };
        check(&["cd /tmp", "x=1", "pwd; echo $x"], 0, "/tmp\n1\n", &[]);
        check(&["echo a", "(exit 3)", "echo b"], 3, "a\n", &[1]);
        check(&["exit 7", "echo b"], 7, "", &[0]);
        check(&["set -e", "echo b", "false; echo c"], 1, "b\n", &[2]);
        check(&["false || true # all", "cat <<X\nhi\nX", "no-such-command"], 127, "hi\n", &[2]);
        // A script with a syntax error has started no command.
        check(&["if", "echo b"], 2, "", &[]);
        // A single command needs no report.
        check(&["exit 7"], 7, "", &[]);
    }
}
