//! The checks of the contract suite. Each works with any answer source and any case.

use std::collections::BTreeSet;

use imagespec_compile::{AnyQuestion, Fact, Store, SurveyFact, lower_recipe, plan, question};

use super::{
    AnswerSource, Case, Client, MAX_ROUNDS, PlannedCase, PlanningResult, open_questions, shape, with_session,
    without_session,
};

/// Asserts that an answer source passes all checks with a case.
#[track_caller]
pub(crate) fn check_source(source: &impl AnswerSource, case: &Case) {
    let first = source.plan_case(case, Client::First, &Store::default());
    questions_and_steps_are_those_of_the_case(&first, case);
    each_question_is_asked_and_answered_once(&first);
    each_round_asks_the_questions_of_the_planner(&first);
    questions_about_results_of_steps_have_a_recipe(&first);
    facts_can_be_saved_and_loaded(&first);
    first.store.facts().for_each(|fact| shape::check(&fact));
    saved_facts_give_the_same_result(&first);
    questions_do_not_depend_on_the_session(&first);
    only_missing_answers_are_asked_for(source, case, &first);
    correct_expected_answers_only_need_confirmation(&first);
    wrong_expected_answers_are_asked_for_and_replaced(&first);
    answers_are_the_same_the_second_time(source, case, &first);
    nothing_is_asked_if_all_answers_are_known(source, case, &first);
    another_client_gets_the_same_answers(source, case, &first);
}

/// A case has one list of questions and one list of steps, so all answer sources must lead to the same ones.
fn questions_and_steps_are_those_of_the_case(first: &PlannedCase, case: &Case) {
    let mut rounds = Vec::new();
    for (number, round) in (1..).zip(&first.rounds) {
        let mut questions: Vec<String> = round.iter().map(|question| format!("{number} {question}")).collect();
        questions.sort();
        rounds.append(&mut questions);
    }
    assert_eq!(rounds, case.rounds, "the questions of {}", case.name);
    assert_eq!(first.result.steps(), case.steps, "the steps of {}", case.name);
}

fn each_question_is_asked_and_answered_once(first: &PlannedCase) {
    let rounds = &first.rounds;
    assert!(rounds.len() <= MAX_ROUNDS, "{rounds:#?}");
    let asked: Vec<&AnyQuestion> = rounds.iter().flatten().collect();
    let distinct: BTreeSet<&AnyQuestion> = asked.iter().copied().collect();
    assert_eq!(asked.len(), distinct.len(), "a question is asked twice: {rounds:#?}");
    let answered: BTreeSet<AnyQuestion> = first.store.facts().map(|fact| fact.question()).collect();
    let expected = distinct.into_iter().cloned().chain([question::Daemon.into()]).collect();
    assert_eq!(answered, expected, "the answered questions are not the asked ones");
}

fn each_round_asks_the_questions_of_the_planner(first: &PlannedCase) {
    let PlannedCase { document, settings, store, rounds, result } = first;
    let mut known = only_daemon(store);
    for round in rounds {
        let questions = open_questions(&plan(document, settings, &known));
        assert_eq!(&questions, round, "the source was not asked the questions of the planner");
        known.extend(store.only(round).facts());
    }
    assert_same_result(complete_result(first, &known).as_ref(), result, "planned round by round");
}

/// A real daemon cannot answer a question about the result of steps if there is no recipe.
fn questions_about_results_of_steps_have_a_recipe(first: &PlannedCase) {
    let PlannedCase { document, settings, store, rounds, .. } = first;
    let mut known = only_daemon(store);
    for round in rounds {
        let outcome = plan(document, settings, &known);
        for ask in outcome.asks() {
            let graph = ask.recipe.as_ref().and_then(|recipe| lower_recipe(recipe, &outcome.sources));
            let needs_recipe = match &ask.question {
                AnyQuestion::Survey(_)
                | AnyQuestion::Programs(_)
                | AnyQuestion::RootfsFile(_)
                | AnyQuestion::Exists(_) => true,
                AnyQuestion::Installed(_) | AnyQuestion::Interpreter(_) => true,
                AnyQuestion::Lock(_) | AnyQuestion::Collisions(_) => true,
                AnyQuestion::Daemon(_) | AnyQuestion::Image(_) | AnyQuestion::ContextFile(_) => false,
                AnyQuestion::SpecFile(_) | AnyQuestion::ContextIgnore(_) | AnyQuestion::FolderIgnore(_) => false,
                AnyQuestion::ContextListing(_) | AnyQuestion::Selection(_) => false,
            };
            assert_eq!(graph.is_some(), needs_recipe, "{}", ask.question);
        }
        known.extend(store.only(round).facts());
    }
}

fn facts_can_be_saved_and_loaded(first: &PlannedCase) {
    for fact in first.store.facts() {
        let question = fact.question();
        assert_eq!(first.store.fact(&question).as_ref(), Some(&fact), "{question}");
        let saved_fact = serde_json::to_value(&fact).expect("a fact can be serialized");
        assert_eq!(serde_json::from_value::<Fact>(saved_fact.clone()).ok().as_ref(), Some(&fact), "{question}");
        let saved_question = serde_json::to_value(&question).expect("a question can be serialized");
        let loaded_question = serde_json::from_value::<AnyQuestion>(saved_question.clone()).ok();
        assert_eq!(loaded_question.as_ref(), Some(&question));
        for member in ["kind", "question"] {
            assert_eq!(saved_question[member], saved_fact[member], "{member} of {question}");
        }
    }
    assert_eq!(saved_and_loaded(&first.store), first.store);
}

fn saved_facts_give_the_same_result(first: &PlannedCase) {
    let loaded = saved_and_loaded(&without_session(&first.store));
    assert_same_result(complete_result(first, &loaded).as_ref(), &first.result, "planned from saved facts");
}

/// If a question contained the session, the next build would not find its answer, nor the answers to questions that depend on it.
fn questions_do_not_depend_on_the_session(first: &PlannedCase) {
    let session = first.store.daemon().and_then(|daemon| daemon.session.clone());
    for question in first.store.facts().map(|fact| fact.question()) {
        let text = serde_json::to_string(&question).expect("a question can be serialized");
        assert!(session.iter().all(|session| !text.contains(session.as_str())), "{text} contains the session");
    }
    let store = with_session(&first.store, Some("another-session"));
    assert_same_result(complete_result(first, &store).as_ref(), &first.result, "planned with another session");
}

fn only_missing_answers_are_asked_for(source: &impl AnswerSource, case: &Case, first: &PlannedCase) {
    let PlannedCase { document, settings, store, result, .. } = first;
    let reads = plan(document, settings, store).reads;
    for question in store.facts().map(|fact| fact.question()) {
        let mut rest = store.clone();
        rest.remove(&question);
        let outcome = plan(document, settings, &rest);
        if !reads.contains(&question) {
            let context = format!("planned without {question}, which planning does not read");
            assert_same_result(complete_result(first, &rest).as_ref(), result, &context);
            continue;
        }
        assert_eq!(open_questions(&outcome), BTreeSet::from([question.clone()]));
        assert!(outcome.plans().is_none(), "there is a plan without an answer to {question}");
        if matches!(question, AnyQuestion::Daemon(_)) {
            continue;
        }
        let again = source.plan_case(case, Client::First, &rest);
        assert_eq!(again.rounds, [BTreeSet::from([question.clone()])], "{question}");
        assert_eq!(without_session(&again.store), without_session(store), "{question}");
        assert_same_result(Some(&again.result), result, &format!("{question} was asked again"));
    }
}

/// Plans with all answers expected, and confirms them one after the other. After each, planning asks for the remaining ones.
fn correct_expected_answers_only_need_confirmation(first: &PlannedCase) {
    let PlannedCase { document, settings, store, result, .. } = first;
    let to_confirm = |known: &Store| {
        let outcome = plan(document, settings, known.over(store));
        let planned = PlanningResult::from_outcome(&outcome);
        assert_same_result(planned.as_ref(), result, "planned with expected answers");
        assert_eq!(outcome.missing().count(), 0);
        open_questions(&outcome)
    };
    let daemon = AnyQuestion::from(question::Daemon);
    let reads = plan(document, settings, store).reads;
    let unconfirmed: Vec<AnyQuestion> =
        reads.into_iter().filter(|question| *question != daemon && !question.is_permanent()).collect();
    let orders: [Vec<&AnyQuestion>; 2] = [unconfirmed.iter().collect(), unconfirmed.iter().rev().collect()];
    for order in orders {
        let mut known = only_daemon(store);
        let mut remaining: BTreeSet<AnyQuestion> = unconfirmed.iter().cloned().collect();
        assert_eq!(to_confirm(&known), remaining, "nothing has been confirmed");
        for question in order {
            known.extend(store.fact(question));
            remaining.remove(question);
            assert_eq!(to_confirm(&known), remaining, "{question} has been confirmed");
        }
    }
}

fn wrong_expected_answers_are_asked_for_and_replaced(first: &PlannedCase) {
    let PlannedCase { document, settings, store, result, .. } = first;
    let daemon = only_daemon(store);
    for fact in store.facts() {
        let Some(wrong) = with_different_answer(&fact) else { continue };
        let question = fact.question();
        let mut expected = store.clone();
        expected.insert(wrong);
        let outcome = plan(document, settings, daemon.over(&expected));
        assert!(!outcome.is_certain(), "planning relies on an unconfirmed answer to {question}");
        assert!(open_questions(&outcome).contains(&question), "{question} is not asked");
        // Confirmed answers replace the expected ones.
        let outcome = plan(document, settings, store.over(&expected));
        assert!(outcome.is_certain());
        let planned = PlanningResult::from_outcome(&outcome);
        assert_same_result(planned.as_ref(), result, &format!("the expected answer to {question} was wrong"));
    }
}

/// The fact with a different answer. `None` if the answer is permanent, or if there is no different answer for its kind here.
fn with_different_answer(fact: &Fact) -> Option<Fact> {
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
        Fact::ContextIgnore { answer, .. } | Fact::FolderIgnore { answer, .. } => answer.push("other".to_owned()),
        Fact::ContextListing { question, answer } => answer.push(format!("src/zz{}", question.suffix)),
        Fact::Selection { answer, .. } => answer.ignored.push("zz_other".to_owned()),
        Fact::RootfsFile { answer, .. } => *answer = if answer.is_some() { None } else { Some(String::new()) },
        Fact::Exists { answer, .. } => *answer = !*answer,
        Fact::Survey { answer, .. } => *answer = if answer.is_some() { None } else { Some(SurveyFact::default()) },
        Fact::Interpreter { answer, .. } => *answer = if answer.is_some() { None } else { Some(Default::default()) },
        Fact::Installed { answer, .. } => answer.clear(),
        Fact::Lock { answer, .. } => answer.lock = None,
    }
    Some(fact)
}

fn answers_are_the_same_the_second_time(source: &impl AnswerSource, case: &Case, first: &PlannedCase) {
    let again = source.plan_case(case, Client::First, &Store::default());
    assert_eq!(again.rounds, first.rounds);
    assert_eq!(without_session(&again.store), without_session(&first.store));
    assert_same_result(Some(&again.result), &first.result, "planned a second time");
}

fn nothing_is_asked_if_all_answers_are_known(source: &impl AnswerSource, case: &Case, first: &PlannedCase) {
    let again = source.plan_case(case, Client::First, &first.store);
    assert_eq!(again.rounds, Vec::<BTreeSet<AnyQuestion>>::new());
    assert_same_result(Some(&again.result), &first.result, "planned with all answers");
}

/// All clients of a daemon share permanent answers. The other answers are the same for clients with the same files.
fn another_client_gets_the_same_answers(source: &impl AnswerSource, case: &Case, first: &PlannedCase) {
    let second = source.plan_case(case, Client::Second, &Store::default());
    let session = |planned: &PlannedCase| planned.store.daemon().and_then(|daemon| daemon.session.clone());
    assert_ne!(session(&second), session(first), "both clients have the same session");
    for fact in first.store.facts().filter(|fact| fact.question().is_permanent()) {
        let question = fact.question();
        let text = serde_json::to_string(&question).expect("a question can be serialized");
        assert!(!question.is_about_client_files(), "the answer depends on a client: {text}");
        assert!(text.contains("sha256:"), "the question does not identify content by a digest: {text}");
        assert_eq!(second.store.fact(&question).as_ref(), Some(&fact));
    }
    assert_eq!(without_session(&second.store), without_session(&first.store));
    assert_same_result(Some(&second.result), &first.result, "planned for the second client");
}

/// Asserts that two results of planning are equal. First compares the plans as text, because the differences are easier to read.
#[track_caller]
fn assert_same_result(found: Option<&PlanningResult>, expected: &PlanningResult, context: &str) {
    let found = found.unwrap_or_else(|| panic!("there is no plan: {context}"));
    let text = |result: &PlanningResult| result.plans.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(text(found), text(expected), "the plans differ: {context}");
    assert_eq!(found.lowered, expected.lowered, "definitions or image configs differ: {context}");
    assert!(found == expected, "the plans differ in details that their text does not show: {context}");
}

/// The result of planning a case with these answers. `None` if answers are missing.
fn complete_result(planned: &PlannedCase, store: &Store) -> Option<PlanningResult> {
    let outcome = plan(&planned.document, &planned.settings, store);
    outcome.is_certain().then(|| PlanningResult::from_outcome(&outcome)).flatten()
}

fn only_daemon(store: &Store) -> Store {
    store.only([&question::Daemon.into()])
}

#[track_caller]
fn saved_and_loaded(store: &Store) -> Store {
    let saved = serde_json::to_string_pretty(store).expect("facts can be serialized");
    serde_json::from_str(&saved).expect("saved facts can be loaded")
}
