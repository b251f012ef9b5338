"""The three agents of call_centre.toml, turn by turn, through chat contexts alone."""

from __future__ import annotations

import json

from antiphon.chat import FunctionCall, FunctionCallOutput

OVERDUE = json.dumps({"amount": 184.5, "due": "2026-11-30", "status": "overdue"})


def test_intake_asks_for_name_and_age_and_records_each(call_centre):
    talk = call_centre("intake")
    assert talk.step(instructions="Greet the caller and ask for the name.") == (
        "Welcome to Harbour Mobile. What is your name, please?"
    )
    talk.user("um, it's maria keller")
    assert (talk.said, talk.calls) == ("", [("record_name", {"name": "Maria Keller"})])
    assert talk.outputs("").step() == "Thank you, Maria Keller. And how old are you?"
    talk.user("I'm thirty-four years old.")
    assert (talk.said, talk.calls) == ("", [("record_age", {"age": 34})])
    assert talk.outputs("saved").step() == "Thank you."


def test_both_answers_in_one_sentence_make_both_calls_in_one_step(call_centre):
    talk = call_centre("intake")
    talk.step(instructions="Greet the caller.")
    talk.user("My name is Bob Jones and I am thirty four.")
    assert talk.calls == [("record_name", {"name": "Bob Jones"}), ("record_age", {"age": 34})]


def test_an_answer_given_before_it_was_asked_is_not_asked_again(call_centre):
    talk = call_centre("intake")
    talk.step(instructions="Greet the caller.")
    talk.user("I am forty years old")
    assert talk.calls == [("record_age", {"age": 40})]
    assert talk.outputs("").step() == "What is your name, please?"


def test_a_refused_answer_is_asked_for_again(call_centre):
    talk = call_centre("intake")
    talk.step(instructions="Greet the caller.")
    talk.user("bob")
    talk.outputs("").step()
    talk.user("three hundred")
    assert talk.calls == [("record_age", {"age": 300})]
    assert talk.outputs("Nobody is older than 130.", is_error=True).step() == (
        "I am afraid that cannot be: Nobody is older than 130. "
        "Sorry, how old are you? Please say a number."
    )
    talk.user("thirty")
    assert talk.calls == [("record_age", {"age": 30})]


def test_what_is_not_understood_is_asked_again_in_turn(call_centre):
    talk = call_centre("intake")
    talk.step(instructions="Greet the caller.")
    assert talk.user("what is this about exactly") == "Sorry, what was your name?"
    assert talk.user("I would rather not say that") == "Please tell me just your name."
    assert talk.user("nothing of the sort") == "Sorry, what was your name?"
    assert talk.user("Ok. Maria.") == ""
    assert talk.calls == [("record_name", {"name": "Maria"})]


def test_small_talk_does_not_lose_the_question(call_centre):
    talk = call_centre("intake")
    talk.step(instructions="Greet the caller.")
    assert talk.user("Hello!") == "Hello! What is your name, please?"
    assert talk.user("How are you?") == "I am fine, thank you. What is your name, please?"
    assert talk.user("") == "I did not hear anything. What is your name, please?"
    assert talk.user("...") == "I still cannot hear you. What is your name, please?"
    assert talk.user("Goodbye") == "Goodbye, and thank you for calling."


def test_the_greeting_changes_when_the_agent_enters_again(call_centre):
    talk = call_centre("intake")
    talk.step(instructions="Greet the caller.")
    talk.user("bob")
    talk.outputs("").step()
    talk.enter("billing", "intake")
    assert talk.step(instructions="Greet the caller.") == (
        "Welcome back. Thank you, Bob. And how old are you?"
    )


def test_customer_service_hands_over_and_says_so_first(call_centre):
    talk = call_centre("customer_service", "intake")
    assert talk.step() == "This is customer service. What can I do for you?"
    assert talk.user("I've got a question about my bill.") == "I will put you through to billing."
    assert talk.calls == [("to_billing", {})]
    # Re-entered after billing, with the context it had:
    talk.outputs("")
    talk.enter("customer_service", "billing")
    talk.enter("billing", "customer_service")
    assert talk.step() == "Back at customer service. Anything else?"
    assert talk.user("no, that's all, thanks") == "Goodbye, and thank you for calling."
    assert talk.calls == []


def test_a_yes_means_something_only_after_the_offer(call_centre):
    talk = call_centre("customer_service", "intake")
    talk.step()
    assert talk.user("yes") == (
        'Sorry, I did not understand that. You can say: "I have a question about my bill".'
    )
    assert talk.user("it is too expensive") == (
        "I am sorry to hear that. Shall I put you through to billing?"
    )
    assert talk.user("no") == "All right, then I will not."
    assert talk.user("yes") == "I am afraid I did not get that either."
    talk.user("it's just too expensive")
    assert talk.user("Yes, please!") == ""
    assert talk.calls == [("to_billing", {})]


def test_billing_looks_an_invoice_up_and_reads_it_out(call_centre):
    talk = call_centre("billing", "customer_service")
    assert talk.step(instructions="Greet the caller.") == "Hello, this is billing."
    assert talk.user("What about invoice four zero one seven?") == "One moment, let me look."
    assert talk.calls == [("look_up_invoice", {"number": "4017"})]
    assert talk.outputs(OVERDUE).step() == (
        "Invoice 4 0 1 7 is overdue: 184.5 dollars, due on 30 November 2026."
    )
    assert talk.user("back to customer service please") == "I will take you back."
    assert talk.calls == [("back_to_customer_service", {})]


def test_where_chooses_among_the_replies_to_an_output(call_centre):
    talk = call_centre("billing", "customer_service")
    talk.user("invoice 12")
    paid = json.dumps({"amount": 20.0, "due": "2026-01-02", "status": "paid"})
    assert talk.outputs(paid).step() == "Invoice 1 2 over 20 dollars is paid."


def test_an_error_of_the_tool_is_told_and_the_number_asked_for_again(call_centre):
    talk = call_centre("billing", "customer_service")
    talk.step(instructions="Greet the caller.")
    talk.user("invoice nine nine")
    assert talk.outputs("there is no invoice 99", is_error=True).step() == (
        "I could not look that up: there is no invoice 99. "
        "Which invoice is it? Please say its number."
    )
    talk.user("oh sorry, four zero one seven")
    assert talk.calls == [("look_up_invoice", {"number": "4017"})]


def test_a_barge_in_that_corrects_the_number_looks_the_other_one_up(call_centre):
    talk = call_centre("billing", "customer_service")
    talk.step(instructions="Greet the caller.")
    talk.user("my invoice is four zero one seven")
    talk.outputs(OVERDUE).step(record=False)
    # The caller heard a third of the reply.
    talk.ctx.add_message(role="assistant", content="Invoice 4 0 1 7", interrupted=True)
    assert talk.user("no wait, i meant invoice four zero one eight") == "One moment, let me look."
    assert talk.calls == [("look_up_invoice", {"number": "4018"})]
    assert talk.outputs(OVERDUE).step().startswith("Invoice 4 0 1 8 is overdue")


def test_a_correction_may_leave_out_what_it_is_about(call_centre):
    talk = call_centre("billing", "customer_service")
    talk.user("invoice 4017")
    talk.outputs(OVERDUE).step()
    talk.user("no, I meant 4018")
    assert talk.calls == [("look_up_invoice", {"number": "4018"})]
    talk.outputs(OVERDUE).step()
    talk.user("and what about 4019?")
    assert talk.calls == [("look_up_invoice", {"number": "4019"})]


def test_a_reply_cut_off_before_a_word_of_it_was_heard_is_given_after_all(call_centre):
    talk = call_centre("billing", "customer_service")
    talk.user("invoice 4017")
    talk.outputs(OVERDUE)
    assert talk.user("hello?").startswith("Invoice 4 0 1 7 is overdue")


def test_an_interrupted_question_still_gets_its_answer(call_centre):
    talk = call_centre("intake")
    talk.step(instructions="Greet the caller.", record=False)
    talk.ctx.add_message(role="assistant", content="Welcome to Harbour", interrupted=True)
    talk.user("maria keller")
    assert talk.calls == [("record_name", {"name": "Maria Keller"})]


def test_repeat_gives_the_whole_reply_though_only_a_part_was_heard(call_centre):
    talk = call_centre("billing", "customer_service")
    talk.user("invoice 4017")
    said = talk.outputs(OVERDUE).step(record=False)
    heard = talk.ctx.add_message(role="assistant", content="Invoice 4 0", interrupted=True)
    heard.generated_text = said
    assert talk.user("Sorry, could you repeat that?") == said


def test_a_sentence_in_two_pieces_is_read_as_one(call_centre):
    talk = call_centre("billing", "customer_service")
    talk.step(instructions="Greet the caller.")
    talk.ctx.add_message(role="user", content="I am calling about invoice")
    talk.user("four zero one seven")
    assert talk.calls == [("look_up_invoice", {"number": "4017"})]


def test_a_turn_kept_over_a_hand_off_is_answered_with_the_greeting(call_centre):
    talk = call_centre("billing", "customer_service")
    talk.ctx.items[:] = []
    talk.ctx.add_message(role="user", content="it is about invoice 4017")
    talk.enter("customer_service", "billing")
    assert talk.step(instructions="Greet the caller.") == (
        "Hello, this is billing. One moment, let me look."
    )
    assert talk.calls == [("look_up_invoice", {"number": "4017"})]
    assert (
        talk.outputs(OVERDUE)
        .step(instructions="Greet the caller.")
        .startswith("Invoice 4 0 1 7 is overdue")
    )


def test_an_unknown_utterance_gets_help_then_another_answer(call_centre):
    talk = call_centre("billing", "customer_service")
    talk.step(instructions="Greet the caller.")
    assert talk.user("the frob is zinged") == (
        "Sorry, I did not understand that. You can say: "
        '"what about invoice four zero one seven" or "back to customer service".'
    )
    assert talk.user("zing") == "I am afraid I did not get that either."


def test_the_old_agents_words_do_not_answer_the_new_agents_questions(call_centre):
    """A full context is handed over: what another agent was told is not taken for a name."""
    talk = call_centre("intake", "billing")
    handed = talk.ctx.items[:]
    talk.ctx.items[:] = []
    talk.ctx.add_message(role="assistant", content="How can I help?")
    talk.ctx.add_message(role="user", content="Maria")
    talk.ctx.add_message(role="assistant", content="I see.")
    for item in handed:
        talk.ctx.append(item)
    assert talk.step() == "Hello! What is your name, please?"


def test_an_output_that_comes_late_is_told_when_it_comes(call_centre):
    """The caller went on talking while the tool ran; core puts the output behind its call."""
    talk = call_centre("billing", "customer_service")
    talk.user("invoice 4017")
    (call,) = talk.pending
    output = FunctionCallOutput(call_id=call.call_id, output="still running", created_at=1.0)
    talk.ctx.append(output)
    assert talk.user("hello?") == "Hello!"
    for at, item in enumerate(talk.ctx.items):
        item.created_at = float(at)
    index = talk.ctx.items.index(output)
    talk.ctx.items[index] = FunctionCallOutput(
        call_id=call.call_id, output=OVERDUE, created_at=100.0
    )
    assert talk.step().startswith("Invoice 4 0 1 7 is overdue")
    talk.ctx.items[-1].created_at = 101.0
    assert talk.user("thank you") == "You are welcome."


def test_of_what_other_agents_were_told_the_last_turn_is_dealt_with(call_centre):
    talk = call_centre("billing")
    talk.ctx.items[:] = []
    talk.enter(None, "customer_service")
    talk.ctx.add_message(role="user", content="what about invoice 4017")
    talk.enter("customer_service", "billing")
    before = talk.ctx.items[:]
    assert talk.step(instructions="Greet the caller.") == (
        "Hello, this is billing. One moment, let me look."
    )
    assert talk.calls == [("look_up_invoice", {"number": "4017"})]
    # Had something else been said since, it would have been dealt with already.
    talk.ctx.items[:] = before[:-1]
    talk.ctx.add_message(role="assistant", content="It is paid.")
    talk.ctx.add_message(role="user", content="thank you")
    before = talk.ctx.items[:]
    talk.enter("customer_service", "billing")
    assert talk.step(instructions="Greet the caller.") == (
        "Hello, this is billing. You are welcome."
    )
    assert talk.calls == []
    talk.ctx.items[:] = before
    talk.ctx.add_message(role="assistant", content="You are welcome.")
    talk.enter("customer_service", "billing")
    assert talk.step(instructions="Greet the caller.") == "Hello, this is billing."
    assert talk.calls == []


def test_what_was_said_before_a_call_and_recorded_after_it_is_no_answer_to_it(call_centre):
    """Speech is recorded when it has been heard, which may be after a fast tool's output."""
    talk = call_centre("billing", "customer_service")
    talk.user("invoice 4017", record=False)
    (call,) = talk.pending
    talk.ctx.append(
        FunctionCall(
            call_id=call.call_id, name=call.name, arguments=call.arguments, step_id="step1"
        )
    )
    talk.ctx.append(FunctionCallOutput(call_id=call.call_id, output=OVERDUE))
    talk.ctx.add_message(role="assistant", content=talk.said).step_id = "step1"
    assert talk.step().startswith("Invoice 4 0 1 7 is overdue")


def test_a_call_that_still_runs_is_not_read_out(call_centre):
    talk = call_centre("billing", "customer_service")
    talk.user("invoice 4017")
    talk.outputs("still running")
    assert talk.user("hello?") == "Hello!"


def test_the_same_context_gives_the_same_answer_and_call_ids(call_centre):
    talk = call_centre("billing", "customer_service")
    talk.user("invoice 4017", record=False)
    first = talk.pending
    talk.step(record=False)
    assert talk.pending == first
    other = call_centre("billing", "customer_service")
    other.user("invoice 4017", record=False)
    # Another session, or the same agent anew: another call.
    assert [call.call_id for call in other.pending] != [call.call_id for call in first]
