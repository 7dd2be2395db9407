//! The user's commands as one script, and which of them it was that ended it.
//!
//! Nothing of the spec but the commands themselves is in the script.

/// All commands as one script: each goes on where the one before left the shell, and the first that fails is the last.
///
/// Each is a group of its own. Bare, `make` and `a || b` would run `b` after a `make` that failed, a comment at the end of one
/// would swallow the rest, and a here-document would not end. The shell notes which command it is at, and says so when it ends in
/// failure, however a command brought that about (`exit`, `set -e`): where one step runs many commands, its exit code alone does
/// not tell which.
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

/// How the note begins that names the failed command.
const NOTE: &str = "imagespec: command ";

/// The command that a line of the step's output says ended the step, counted from 0.
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
        let said = String::from_utf8(output.stderr).unwrap();
        let ended = said.lines().filter_map(ended_command).collect();
        (output.status.code(), String::from_utf8(output.stdout).unwrap(), ended)
    }

    #[test]
    fn whoever_ends_it_is_told() {
        let check = |commands: &[&str], code, out: &str, ended: &[usize]| {
            assert_eq!(run(commands), (Some(code), out.to_owned(), ended.to_vec()), "{commands:?}");
        };
        check(&["cd /tmp", "x=1", "pwd; echo $x"], 0, "/tmp\n1\n", &[]);
        check(&["echo a", "(exit 3)", "echo b"], 3, "a\n", &[1]);
        check(&["exit 7", "echo b"], 7, "", &[0]);
        check(&["set -e", "echo b", "false; echo c"], 1, "b\n", &[2]);
        check(&["false || true # all", "cat <<X\nhi\nX", "no-such-command"], 127, "hi\n", &[2]);
        // A shell that understands nothing of it has begun no command.
        check(&["if", "echo b"], 2, "", &[]);
        // What one command alone does needs no note.
        check(&["exit 7"], 7, "", &[]);
    }
}
