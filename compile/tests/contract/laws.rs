//! The laws, each for any source and any case.

use std::collections::BTreeSet;

use imagespec_compile::{AnyQuestion, Fact, Store, lower_recipe, plan, question};

use super::{Case, Client, Gathered, MAX_ROUNDS, Planned, Source, shape, with_session, without_session};

/// Asserts that a source keeps the contract for a case.
#[track_caller]
pub(crate) fn hold(source: &impl Source, case: &Case) {
    let first = source.gather(case, Client::First, &Store::default());
    it_asks_what_the_case_needs(&first, case);
    each_question_is_asked_once_and_the_planner_asks_the_same(&first);
    what_steps_answer_has_a_recipe(&first);
    every_fact_survives_being_saved(&first);
    first.store.facts().for_each(|fact| shape::check(&fact));
    saved_facts_give_the_same_images(&first);
    the_session_is_in_no_question(&first);
    a_missing_answer_is_asked_for_and_nothing_else(source, case, &first);
    expected_answers_change_nothing_when_they_are_true(&first);
    expected_answers_are_never_certain_before_they_are_confirmed(&first);
    it_answers_the_same_again(source, case, &first);
    with_all_answers_it_asks_nothing(source, case, &first);
    another_client_gets_the_same_answers(source, case, &first);
}

/// The questions and steps of a case are written down once for all sources, so a source that leads planning elsewhere is noticed.
fn it_asks_what_the_case_needs(first: &Gathered, case: &Case) {
    let mut rounds = Vec::new();
    for (number, round) in (1..).zip(&first.rounds) {
        let mut questions: Vec<String> = round.iter().map(|question| format!("{number} {question}")).collect();
        questions.sort();
        rounds.append(&mut questions);
    }
    assert_eq!(rounds, case.rounds, "the questions of {}", case.name);
    assert_eq!(first.result.steps(), case.steps, "the steps of {}", case.name);
}

fn each_question_is_asked_once_and_the_planner_asks_the_same(first: &Gathered) {
    let Gathered { document, settings, store, rounds, result } = first;
    assert!(rounds.len() <= MAX_ROUNDS, "{rounds:#?}");
    let asked: Vec<&AnyQuestion> = rounds.iter().flatten().collect();
    let distinct: BTreeSet<&AnyQuestion> = asked.iter().copied().collect();
    assert_eq!(asked.len(), distinct.len(), "a question is asked twice: {rounds:#?}");
    let answered: BTreeSet<AnyQuestion> = store.facts().map(|fact| fact.question()).collect();
    let expect = distinct.into_iter().cloned().chain([question::Daemon.into()]).collect();
    assert_eq!(answered, expect, "what was asked is answered, and nothing else");

    let mut known = store.only([&question::Daemon.into()]);
    for round in rounds {
        let asks = asks(&plan(document, settings, &known));
        assert_eq!(&asks, round, "the planner asks what the source was asked");
        known.extend(store.only(round).facts());
    }
    assert_same(certain(first, &known).as_ref(), result, "planned round by round");
}

/// Without a recipe a real daemon could not find the answer out.
fn what_steps_answer_has_a_recipe(first: &Gathered) {
    let Gathered { document, settings, store, rounds, .. } = first;
    let mut known = store.only([&question::Daemon.into()]);
    for round in rounds {
        let outcome = plan(document, settings, &known);
        for ask in outcome.asks() {
            let graph = ask.recipe.as_ref().and_then(|recipe| lower_recipe(recipe, &outcome.sources));
            let is_of_steps = match &ask.question {
                AnyQuestion::Programs(_) | AnyQuestion::RootfsFile(_) | AnyQuestion::Exists(_) => true,
                AnyQuestion::Interpreter(_) | AnyQuestion::Lock(_) | AnyQuestion::Collisions(_) => true,
                AnyQuestion::Daemon(_) | AnyQuestion::Image(_) | AnyQuestion::ContextFile(_) => false,
                AnyQuestion::SpecFile(_) | AnyQuestion::ContextIgnore(_) | AnyQuestion::ContextSources(_) => false,
            };
            assert_eq!(graph.is_some(), is_of_steps, "{}", ask.question);
        }
        known.extend(store.only(round).facts());
    }
}

fn every_fact_survives_being_saved(first: &Gathered) {
    for fact in first.store.facts() {
        let question = fact.question();
        assert_eq!(first.store.fact(&question).as_ref(), Some(&fact), "{question}");
        let saved = serde_json::to_value(&fact).expect("facts are plain data");
        assert_eq!(serde_json::from_value::<Fact>(saved.clone()).ok().as_ref(), Some(&fact), "{question}");
        let asked = serde_json::to_value(&question).expect("questions are plain data");
        assert_eq!(serde_json::from_value::<AnyQuestion>(asked.clone()).ok().as_ref(), Some(&question));
        assert_eq!((&asked["kind"], &asked["question"]), (&saved["kind"], &saved["question"]), "{question}");
    }
    assert_eq!(saved_and_loaded(&first.store), first.store);
}

fn saved_facts_give_the_same_images(first: &Gathered) {
    let loaded = saved_and_loaded(&without_session(&first.store));
    assert_same(certain(first, &loaded).as_ref(), &first.result, "from saved facts");
}

/// A question with a session in it would be another one in the next build, and so would all that depend on it.
fn the_session_is_in_no_question(first: &Gathered) {
    const OTHER: &str = "another-session";
    let session = first.store.daemon().and_then(|daemon| daemon.session.clone());
    for question in first.store.facts().map(|fact| fact.question()) {
        let text = serde_json::to_string(&question).expect("questions are plain data");
        assert!(session.iter().all(|session| !text.contains(session.as_str())), "{text}");
    }
    let other = certain(first, &with_session(&first.store, Some(OTHER)));
    assert_same(other.as_ref(), &first.result, "with another session");
}

fn a_missing_answer_is_asked_for_and_nothing_else(source: &impl Source, case: &Case, first: &Gathered) {
    let Gathered { document, settings, store, .. } = first;
    let reads = plan(document, settings, store).reads;
    for question in store.facts().map(|fact| fact.question()) {
        let mut rest = store.clone();
        rest.remove(&question);
        let outcome = plan(document, settings, &rest);
        if !reads.contains(&question) {
            assert_same(certain(first, &rest).as_ref(), &first.result, &format!("nothing reads {question}"));
            continue;
        }
        assert_eq!(asks(&outcome), BTreeSet::from([question.clone()]));
        assert!(outcome.plans().is_none(), "there is a plan without {question}");
        if matches!(question, AnyQuestion::Daemon(_)) {
            continue;
        }
        let again = source.gather(case, Client::First, &rest);
        assert_eq!(again.rounds, [BTreeSet::from([question.clone()])], "{question}");
        assert_eq!(without_session(&again.store), without_session(store), "{question}");
        assert_same(Some(&again.result), &first.result, &question.to_string());
    }
}

fn expected_answers_change_nothing_when_they_are_true(first: &Gathered) {
    let Gathered { document, settings, store, result, .. } = first;
    let daemon = AnyQuestion::from(question::Daemon);
    let to_confirm = |known: &Store| {
        let outcome = plan(document, settings, known.over(store));
        assert_same(Planned::from_outcome(&outcome).as_ref(), result, "with expected answers");
        assert_eq!(outcome.missing().count(), 0);
        asks(&outcome)
    };
    let reads = plan(document, settings, store).reads;
    let open: Vec<AnyQuestion> =
        reads.into_iter().filter(|question| *question != daemon && !question.is_permanent()).collect();
    let orders: [Vec<&AnyQuestion>; 2] = [open.iter().collect(), open.iter().rev().collect()];
    for order in orders {
        let mut known = store.only([&daemon]);
        let mut left: BTreeSet<AnyQuestion> = open.iter().cloned().collect();
        assert_eq!(to_confirm(&known), left, "all that may have changed is to be confirmed");
        for question in order {
            known.extend(store.fact(question));
            left.remove(question);
            assert_eq!(to_confirm(&known), left, "after {question}");
        }
    }
}

fn expected_answers_are_never_certain_before_they_are_confirmed(first: &Gathered) {
    let Gathered { document, settings, store, result, .. } = first;
    let daemon = store.only([&question::Daemon.into()]);
    for fact in store.facts() {
        let Some(wrong) = altered(&fact) else { continue };
        let mut expected = store.clone();
        expected.insert(wrong);
        let outcome = plan(document, settings, daemon.over(&expected));
        assert!(!outcome.is_certain(), "{} was believed", fact.question());
        assert!(asks(&outcome).contains(&fact.question()), "{} is not to be confirmed", fact.question());
        // The true answer wins, and planning goes on from there.
        let outcome = plan(document, settings, store.over(&expected));
        assert!(outcome.is_certain());
        assert_same(Planned::from_outcome(&outcome).as_ref(), result, &fact.question().to_string());
    }
}

/// Another answer to a question whose answer may change; `None` for one whose answer may not.
fn altered(fact: &Fact) -> Option<Fact> {
    if fact.question().is_permanent() {
        return None;
    }
    let mut fact = fact.clone();
    match &mut fact {
        Fact::Daemon { .. } | Fact::Programs { .. } | Fact::Collisions { .. } => return None,
        Fact::Image { answer, .. } => answer.reference.push('0'),
        Fact::ContextFile { answer, .. } | Fact::SpecFile { answer, .. } => {
            *answer = if answer.is_some() { None } else { Some("# other\n".into()) };
        }
        Fact::ContextIgnore { answer, .. } => answer.push("other".to_owned()),
        Fact::ContextSources { answer, .. } => answer.push("src/zz_other.py".to_owned()),
        Fact::RootfsFile { answer, .. } => *answer = if answer.is_some() { None } else { Some(String::new()) },
        Fact::Exists { answer, .. } => *answer = !*answer,
        Fact::Interpreter { answer, .. } => *answer = if answer.is_some() { None } else { Some(Default::default()) },
        Fact::Lock { answer, .. } => answer.interpreter = None,
    }
    Some(fact)
}

fn it_answers_the_same_again(source: &impl Source, case: &Case, first: &Gathered) {
    let again = source.gather(case, Client::First, &Store::default());
    assert_eq!(again.rounds, first.rounds);
    assert_eq!(without_session(&again.store), without_session(&first.store));
    assert_same(Some(&again.result), &first.result, "asked a second time");
}

fn with_all_answers_it_asks_nothing(source: &impl Source, case: &Case, first: &Gathered) {
    let again = source.gather(case, Client::First, &first.store);
    assert_eq!(again.rounds, Vec::<BTreeSet<AnyQuestion>>::new());
    assert_same(Some(&again.result), &first.result, "with all answers");
}

/// What lasts is shared by all clients of a daemon; the rest is the same for clients with the same files.
fn another_client_gets_the_same_answers(source: &impl Source, case: &Case, first: &Gathered) {
    let other = source.gather(case, Client::Other, &Store::default());
    let session = |gathered: &Gathered| gathered.store.daemon().and_then(|daemon| daemon.session.clone());
    assert_ne!(session(&other), session(first), "it is another client");
    for fact in first.store.facts().filter(|fact| fact.question().is_permanent()) {
        let text = serde_json::to_string(&fact.question()).expect("questions are plain data");
        assert!(
            !fact.question().is_about_client_files() && text.contains("sha256:"),
            "{text} names content by its digest"
        );
        assert_eq!(other.store.fact(&fact.question()).as_ref(), Some(&fact));
    }
    assert_eq!(without_session(&other.store), without_session(&first.store));
    assert_same(Some(&other.result), &first.result, "for another client");
}

fn asks(outcome: &imagespec_compile::Outcome) -> BTreeSet<AnyQuestion> {
    outcome.asks().map(|ask| ask.question.clone()).collect()
}

/// Asserts that two plannings came to the same, with the plans as text where they did not.
#[track_caller]
fn assert_same(found: Option<&Planned>, expect: &Planned, about: &str) {
    let found = found.unwrap_or_else(|| panic!("there is no plan: {about}"));
    let text = |planned: &Planned| planned.plans.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(text(found), text(expect), "the plans differ: {about}");
    assert_eq!(found.images, expect.images, "definitions or image configs differ: {about}");
    assert!(found == expect, "the plans differ in what is not shown: {about}");
}

/// What a case is planned to with some answers; `None` where they are not enough.
fn certain(gathered: &Gathered, store: &Store) -> Option<Planned> {
    let outcome = plan(&gathered.document, &gathered.settings, store);
    outcome.is_certain().then(|| Planned::from_outcome(&outcome)).flatten()
}

#[track_caller]
fn saved_and_loaded(store: &Store) -> Store {
    let saved = serde_json::to_string_pretty(store).expect("facts are plain data");
    serde_json::from_str(&saved).expect("what was written")
}
