/** An `environment` block: assignments of texts, which may use those above them. */
class EnvironmentWords extends Words {
    final Map<String, String> found = [:]

    @Override
    void setProperty(String name, Object value) {
        if (name in ['place', 'env']) { super.setProperty(name, value); return }
        if (!(value instanceof CharSequence)) { throw new Refusal("$place: $name has to be a text.") }
        found[name] = value.toString()
    }

    @Override
    def propertyMissing(String name) {
        found.containsKey(name) ? found[name] : super.propertyMissing(name)
    }
}
