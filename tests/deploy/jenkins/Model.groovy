/** What a Jenkinsfile says, read and held against the grammar before anything runs. */
class Model {
    Map agent
    List<Map> options = []
    Closure environment
    List<Stage> stages = []
    Map<String, Closure> post = [:]

    /** Reads what stands in `pipeline { … }`. */
    static Model of(Closure body, Object env) {
        def model = new Model()
        read(body, new PipelineWords(place: 'pipeline', env: env, into: model))
        if (model.agent == null || !model.stages) { throw new Refusal('pipeline needs an agent and stages.') }
        return model
    }

    boolean has(String option) { options.any { it.name == option } }

    Map option(String name) { options.find { it.name == name } }

    /** Calls a closure so that only `words` answers it: nothing of an outer block is found by accident. */
    static Object read(Closure body, Object words, Object... arguments) {
        def copy = body.clone() as Closure
        copy.delegate = words
        copy.resolveStrategy = Closure.DELEGATE_ONLY
        return copy.call(*arguments)
    }

    static int seconds(Map limits) {
        def inOne = [SECONDS: 1, MINUTES: 60, HOURS: 3600, DAYS: 86400]
        def unit = inOne[limits.unit ?: 'MINUTES']
        if (!unit || !(limits.time instanceof Integer) || limits.keySet() - ['time', 'unit']) {
            throw new Refusal("timeout($limits) is not understood; write timeout(time: 5, unit: 'MINUTES').")
        }
        return limits.time * unit
    }
}

/** What `pipeline` and `stage` have in common. */
class Shared extends Words {
    Model into

    final Map none = [:]
    final Map any = [label: '']

    void agent(Map which) { once('agent', into.agent == null); into.agent = which }

    void agent(Closure body) {
        once('agent', into.agent == null)
        def words = new AgentWords(place: "$place, agent")
        Model.read(body, words)
        into.agent = words.found
    }

    void environment(Closure body) {
        once('environment', into.environment == null)
        Model.read(body, new EnvironmentWords(place: "$place, environment", env: env))
        into.environment = body
    }

    void stages(Closure body) {
        once('stages', !into.stages)
        Model.read(body, new StagesWords(place: "$place, stages", env: env, into: into))
        if (!into.stages) { throw new Refusal("$place: stages holds no stage.") }
    }

    void post(Closure body) {
        once('post', !into.post)
        Model.read(body, new PostWords(place: "$place, post", into: into.post))
        if (!into.post) { throw new Refusal("$place: post is empty.") }
    }

    protected void once(String what, boolean isFirst) {
        if (!isFirst) { throw new Refusal("$place: $what stands there twice.") }
    }
}

class PipelineWords extends Shared {
    void options(Closure body) { Model.read(body, new OptionWords(place: 'pipeline, options', into: into.options)) }
}

class StageWords extends Shared {
    void options(Closure body) { Model.read(body, new StageOptionWords(place: "$place, options", into: into.options)) }

    void when(Closure body) {
        once('when', into.when == null)
        if (!new Conditions(place: "$place, when", env: env).reading(body).conditions) {
            throw new Refusal("$place: when names no condition.")
        }
        into.when = body
    }

    void input(Closure body) {
        once('input', into.input == null)
        def words = new InputWords(place: "$place, input", env: env)
        Model.read(body, words)
        if (!words.found.message) { throw new Refusal("$place: input asks nothing; it needs a message.") }
        into.input = body
    }

    void steps(Closure body) { once('steps', into.steps == null); into.steps = body }
}

class StagesWords extends Words {
    Model into

    void stage(String name, Closure body) {
        def stage = new Stage(name: name)
        Model.read(body, new StageWords(place: "stage '$name'", env: env, into: stage))
        if ((stage.steps == null) == stage.stages.empty) {
            throw new Refusal("stage '$name' needs either steps or stages.")
        }
        into.stages << stage
    }
}

class AgentWords extends Words {
    Map found

    void label(String name) { found = [label: name] }
}

class PostWords extends Words {
    Map<String, Closure> into

    @Override
    def methodMissing(String name, arguments) {
        if (!Results.CONDITIONS.contains(name) || arguments.length != 1) { super.methodMissing(name, arguments) }
        into[name] = arguments[0]
    }
}

class StageOptionWords extends Words {
    List<Map> into

    void timeout(Map limits) { into << [name: 'timeout', seconds: Model.seconds(limits)] }

    void lock(Map what) { into << [name: 'lock', resource: what.resource] }

    void timestamps() { into << [name: 'timestamps'] }

    void skipDefaultCheckout(boolean skip = true) { into << [name: 'skipDefaultCheckout', skip: skip] }
}

class OptionWords extends StageOptionWords {
    void disableConcurrentBuilds(Map how = [:]) { into << [name: 'disableConcurrentBuilds'] }

    void disableRestartFromStage() { into << [name: 'disableRestartFromStage'] }

    void skipStagesAfterUnstable() { into << [name: 'skipStagesAfterUnstable'] }

    void durabilityHint(String hint) {
        if (!(hint in ['PERFORMANCE_OPTIMIZED', 'SURVIVABLE_NONATOMIC', 'MAX_SURVIVABILITY'])) {
            throw new Refusal("$place: durabilityHint '$hint' does not exist.")
        }
        into << [name: 'durabilityHint', hint: hint]
    }

    Map logRotator(Map how) { how }

    void buildDiscarder(Map how) { into << [name: 'buildDiscarder', how: how] }
}
