/** A `when` block: what has to hold for a stage, and how early that is looked at. */
class Conditions extends Words {
    final List<Closure<Boolean>> conditions = []
    boolean isBeforeAgent
    boolean isBeforeInput
    boolean isBeforeOptions

    Conditions reading(Closure body) {
        Model.read(body, this)
        return this
    }

    boolean hold() { conditions.every { it() } }

    void beforeAgent(boolean yes) { isBeforeAgent = yes }

    void beforeInput(boolean yes) { isBeforeInput = yes }

    void beforeOptions(boolean yes) { isBeforeOptions = yes }

    void branch(String pattern) { conditions << { matches(env.BRANCH_NAME, pattern) } }

    void buildingTag() { conditions << { env.TAG_NAME != null } }

    void tag(String pattern) { conditions << { matches(env.TAG_NAME, pattern) } }

    void changeRequest() { conditions << { env.CHANGE_ID != null } }

    void environment(Map what) { conditions << { env."${what.name}" == what.value } }

    void expression(Closure body) {
        def words = new Values(place: "$place, expression", env: env)
        conditions << { Model.read(body, words) as boolean }
    }

    void not(Closure body) { nested(body) { !it.every { one -> one() } } }

    void allOf(Closure body) { nested(body) { it.every { one -> one() } } }

    void anyOf(Closure body) { nested(body) { it.any { one -> one() } } }

    private void nested(Closure body, Closure joined) {
        def inner = new Conditions(place: place, env: env).reading(body)
        conditions << { joined(inner.conditions) }
    }

    /** As Ant's patterns: `*` is anything up to a slash. */
    private static boolean matches(String name, String pattern) {
        name != null && name ==~ pattern.split(/\*/, -1).collect { java.util.regex.Pattern.quote(it) }.join('[^/]*')
    }
}

/** Where only values may be asked for. */
class Values extends Words { }
