//! The user's commands as arguments of one shell, and how to find the command that failed.

/// The shell of an image that names none, as in a Dockerfile.
const SHELL: [&str; 2] = ["/bin/sh", "-c"];

/// Shells that can run [`RUN_ALL`].
const SHELLS: [&str; 5] = ["ash", "bash", "dash", "ksh", "sh"];

/// Runs its arguments as commands of one shell, and stops at the first that fails. What one command sets, such as the folder or a
/// variable, the next one sees. The shell reports the number of the command that ended it, however that happened (`exit`, `set -e`, a
/// syntax error): the exit code alone does not identify the command.
const RUN_ALL: &str = r#"trap 'imagespec_code=$?; [ $imagespec_code = 0 ] || echo "imagespec: command $imagespec_command of $imagespec_count failed with exit code $imagespec_code" >&2' EXIT
imagespec_command=0 imagespec_count=$#
for imagespec_text do
  imagespec_command=$((imagespec_command + 1))
  [ $imagespec_command -gt 1 ] || set --
  eval "$imagespec_text"
  imagespec_code=$?
  [ $imagespec_code = 0 ] || exit $imagespec_code
done"#;

/// The arguments that run commands in a shell: that of the image (`SHELL` of a Dockerfile), if it is one that can run several commands.
pub(crate) fn arguments(shell: &[String], commands: &[String]) -> Vec<String> {
    let name = shell.first().and_then(|program| program.rsplit('/').next()).unwrap_or_default();
    let mut words = match SHELLS.contains(&name) {
        true => shell.to_vec(),
        false => SHELL.map(str::to_owned).to_vec(),
    };
    match commands {
        [one] => words.push(one.clone()),
        many => {
            let program = words.first().cloned().unwrap_or_default();
            words.extend([RUN_ALL.to_owned(), program]);
            words.extend(many.iter().cloned());
        }
    }
    words
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

    fn run(shell: &[&str], commands: &[&str]) -> (Option<i32>, String, Vec<usize>) {
        let owned = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<String>>();
        let words = arguments(&owned(shell), &owned(commands));
        let output = Command::new(&words[0]).args(&words[1..]).output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        let ended = stderr.lines().filter_map(ended_command).collect();
        (output.status.code(), String::from_utf8(output.stdout).unwrap(), ended)
    }

    #[test]
    fn the_failed_command_is_reported() {
        let check = |commands: &[&str], code, out: &str, ended: &[usize]| {
            for shell in [&[] as &[&str], &["/bin/bash", "-c"], &["/bin/bash", "-o", "pipefail", "-c"]] {
                assert_eq!(
                    run(shell, commands),
                    (Some(code), out.to_owned(), ended.to_vec()),
                    "{shell:?} {commands:?}"
                );
            }
        };
        check(&["cd /tmp", "x=1", "pwd; echo $x"], 0, "/tmp\n1\n", &[]);
        check(&["echo a", "(exit 3)", "echo b"], 3, "a\n", &[1]);
        check(&["exit 7", "echo b"], 7, "", &[0]);
        check(&["set -e", "echo b", "false; echo c"], 1, "b\n", &[2]);
        check(&["false || true # all", "cat <<X\nhi\nX", "no-such-command"], 127, "hi\n", &[2]);
        check(&["echo a", "if", "echo b"], 2, "a\n", &[1]);
        check(&["echo a\\", "echo $# ${1-none}", "set -- x y", "echo $2"], 0, "a\\\n0 none\ny\n", &[]);
        check(&["true \\", "exit 5"], 5, "", &[1]);
        // A single command needs no report.
        check(&["exit 7"], 7, "", &[]);
    }

    #[test]
    fn the_shell_is_that_of_the_image() {
        assert_eq!(run(&["/bin/bash", "-c"], &["[[ a == a ]] && echo yes"]).1, "yes\n");
        assert_eq!(run(&["/bin/bash", "-o", "pipefail", "-c"], &["true", "false | true"]).0, Some(1));
        assert_eq!(run(&["pwsh", "-Command"], &["echo sh", "echo more"]).1, "sh\nmore\n");
    }
}
