import groovy.io.FileType
import java.nio.file.FileSystems

/** One build: its stages in order, what becomes of each, and what is told of it in the end. */
class Run {
    final Map config
    final Model model
    final Credentials credentials
    final Map report =
        [stages: [], commands: [], inputs: [], junit: [], coverage: [], artifacts: [], locks: [], agents: []]
    String result = 'SUCCESS'
    private boolean isStopped
    private final Set<String> unstableStages = []

    Run(Map config, Model model) {
        this.config = config
        this.model = model
        this.credentials = new Credentials(config.credentials as Map)
    }

    Map whole(Context start) {
        def context = start
        def timeout = model.option('timeout')
        if (timeout) { context = context.until(timeout.seconds as int) }
        try {
            context = onAgent(model.agent, withVariables(model.environment, context))
            each(model.stages, context, [])
        } catch (Stopped stopped) {
            worsened(stopped.result, stopped.message)
        }
        after(model.post, context.with(stage: 'post of the pipeline'), result)
        report.result = result
        report.left_behind = config.in_place ? [] : report.agents.findAll { new File(it.workspace).list() }*.name
        return report
    }

    private void each(List<Stage> stages, Context context, List<String> within) {
        stages.each { stage(it, context, within) }
    }

    private String stage(Stage stage, Context outer, List<String> within) {
        def record = [name: stage.name, within: within, result: 'SUCCESS']
        report.stages << record
        if (isStopped || (result == 'UNSTABLE' && model.has('skipStagesAfterUnstable'))) {
            skipped(stage, record, 'an earlier stage came to nothing')
            return
        }
        outer.say("[${(within + stage.name).join(' / ')}]")
        def context = outer.with(stage: stage.name)
        def began = System.currentTimeMillis()
        try {
            context = entered(stage, context)
            if (context == null) {
                skipped(stage, record, 'when')
                return
            }
            body(stage, context, within)
        } catch (Stopped stopped) {
            record.result = stopped.result
            record.why = stopped.message
            outer.say("ERROR: ${stopped.message}")
            worsened(stopped.result, stopped.message)
        }
        def ofInner = report.stages.findAll { it.within == within + stage.name }*.result - ['SKIPPED']
        record.result = ofInner.inject(record.result as String) { one, other -> Results.worst(one, other) }
        if (unstableStages.contains(stage.name)) { record.result = Results.worst(record.result as String, 'UNSTABLE') }
        after(stage.post, context ?: outer, Results.worst(result, record.result as String), record)
        record.seconds = (System.currentTimeMillis() - began) / 1000
    }

    private void body(Stage stage, Context context, List<String> within) {
        if (stage.steps) {
            Steps.perform(stage.steps, this, context)
        } else {
            each(stage.stages, context, within + stage.name)
        }
    }

    private void skipped(Stage stage, Map record, String why) {
        record.result = 'SKIPPED'
        record.why = why
        stage.stages.each {
            def inner = [name: it.name, within: record.within + stage.name]
            report.stages << inner
            skipped(it, inner, why)
        }
    }

    /** Options, input, agent and variables of a stage, with `when` at its place among them; null where that says no. */
    private Context entered(Stage stage, Context outer) {
        def context = outer
        def when = stage.when ? new Conditions(place: stage.name, env: context.env).reading(stage.when) : null
        if (when?.isBeforeOptions && !when.hold()) { return null }
        stage.options.each { option ->
            if (option.name == 'timeout') { context = context.until(option.seconds as int) }
            if (option.name == 'lock') { report.locks << [stage: stage.name, resource: option.resource] }
        }
        if (when?.isBeforeInput && !when.hold()) { return null }
        if (stage.input) { context = answered(stage, context) }
        if (when?.isBeforeAgent && !when.hold()) { return null }
        context = onAgent(stage.agent, context)
        def skipsCheckout = model.option('skipDefaultCheckout')?.skip
        if (stage.agent && context.workspace && !skipsCheckout) { checkout(context) }
        if (when && !when.hold()) { return null }
        return withVariables(stage.environment, context)
    }

    private Context answered(Stage stage, Context context) {
        def words = new InputWords(place: stage.name, env: context.env)
        Model.read(stage.input, words)
        def asked = words.found
        def entry = [stage: stage.name, message: asked.message, submitter: asked.submitter,
                     agent_held: context.workspace != null, answer: config.answer]
        report.inputs << entry
        context.say("INPUT: ${asked.message} [${config.answer}]")
        switch (config.answer) {
            case 'approve':
                def who = config.approver ?: asked.submitter?.tokenize(',')?.first() ?: 'anybody'
                if (asked.submitter && !asked.submitter.tokenize(',')*.trim().contains(who)) {
                    throw new Stopped('FAILURE', "$who may not answer; that is for ${asked.submitter}.")
                }
                entry.by = who
                return asked.parameter ? context.having([(asked.parameter): who]) : context
            case 'abort':
                throw new Stopped('ABORTED', 'Rejected.')
            default:
                if (!context.deadlines) { throw new Refusal("stage '${stage.name}' would wait for ever for an answer.") }
                context.deadlines*.isOver = true
                throw new Stopped('ABORTED', 'Timeout has been exceeded.')
        }
    }

    private static Context withVariables(Closure body, Context context) {
        if (body == null) { return context }
        def words = new EnvironmentWords(place: 'environment', env: context.env)
        Model.read(body, words)
        return context.having(words.found)
    }

    private Context onAgent(Map agent, Context context) {
        agent?.containsKey('label') ? allocated(agent.label as String, context) : context
    }

    /** Gives each part that asks for an agent an empty workspace, as another machine would, or the one that is kept. */
    Context allocated(String label, Context context) {
        if (label && !(config.labels as List).contains(label)) {
            throw new Refusal("No agent has the label '$label': the build would wait for ever.")
        }
        def name = "agent-${report.agents.size() + 1}".toString()
        def given = new File(config.workspace as String)
        def workspace = config.in_place ? given : new File(given, name)
        def temporary = new File(config.temporary as String, name)
        [workspace, temporary]*.mkdirs()
        report.agents << [name: name, workspace: workspace.path, stage: context.stage]
        return context.with(workspace: workspace, temporary: temporary, variables: context.variables + [
            WORKSPACE: workspace.path, WORKSPACE_TMP: temporary.path, NODE_NAME: name, NODE_LABELS: label])
    }

    void checkout(Context context) {
        def fetched = 'git init -q; git fetch -q --force --tags "$SCM_SOURCE" "+refs/heads/*:refs/remotes/origin/*"; '
        def script = (config.in_place ? '' : fetched) + 'git checkout -q --force --detach "$SCM_REVISION"'
        def inner = context.having([SCM_SOURCE: config.source as String, SCM_REVISION: config.revision as String])
        if (Shell.run(script, inner) != 0) { throw new Stopped('FAILURE', 'The checkout failed.') }
    }

    /** A workspace that is kept stays a checkout, with what git ignores: its environment is made once. */
    void emptied(Context context) {
        def workspace = context.mustHaveAgent('deleteDir')
        if (config.in_place) {
            Shell.run('git clean -ffdq', context)
        } else {
            workspace.listFiles().each { it.directory ? it.deleteDir() : it.delete() }
        }
    }

    private void after(Map<String, Closure> post, Context context, String reached, Map record = null) {
        Results.CONDITIONS.findAll { post.containsKey(it) && Results.holds(it, reached) }.each { condition ->
            try {
                Steps.perform(post[condition], this, context.with(isPost: true))
            } catch (Stopped stopped) {
                context.say("ERROR in post, $condition: ${stopped.message}")
                worsened('FAILURE', stopped.message)
                if (record) { record.result = Results.worst(record.result as String, 'FAILURE') }
            }
        }
    }

    Map began(Context context, String script) {
        def entry = [stage: context.stage, script: script, agent: context.variables.NODE_NAME,
                     credentials: context.credentials, post: context.isPost, code: null]
        report.commands << entry
        return entry
    }

    List<File> published(Context context, String step, String pattern) {
        def workspace = context.mustHaveAgent(step)
        def matcher = FileSystems.default.getPathMatcher("glob:$pattern")
        def files = []
        workspace.eachFileRecurse(FileType.FILES) { file ->
            if (matcher.matches(workspace.toPath().relativize(file.toPath()))) { files << file }
        }
        return files.sort()
    }

    void unstable(Context context, String why) {
        context.say("UNSTABLE: $why")
        unstableStages << context.stage
        result = Results.worst(result, 'UNSTABLE')
    }

    void worsened(String to, String why) {
        if (to == 'SUCCESS') { return }
        if (to != 'UNSTABLE') { isStopped = true }
        if (Results.worst(result, to) != result) {
            result = to
            report.why = why
        }
    }
}
