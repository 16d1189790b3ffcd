/** An `input` block: who is asked what. */
class InputWords extends Words {
    final Map<String, String> found = [:]

    void message(CharSequence text) { found.message = text.toString() }

    void ok(CharSequence text) { found.ok = text.toString() }

    void submitter(String names) { found.submitter = names }

    void submitterParameter(String name) { found.parameter = name }
}
