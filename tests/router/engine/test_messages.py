from router.engine.messages import read_messages


def test_contents_become_text_and_arguments_objects():
    messages = read_messages(
        {
            "messages": [
                {"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]},
                {"role": "system", "content": []},
                {
                    "role": "assistant",
                    "content": None,
                    "tool_calls": [
                        {"id": "1", "type": "function", "function": {"name": "f", "arguments": '{"x": 1}'}},
                        {"id": "2", "type": "function", "function": {"name": "g", "arguments": "{broken"}},
                    ],
                },
                {"role": "tool", "tool_call_id": "1", "content": "ok"},
            ]
        }
    )
    assert [message["content"] for message in messages] == ["a\nb", "", "", "ok"]
    assert [call["arguments"] for call in messages[2]["tool_calls"]] == [{"x": 1}, "{broken"]
