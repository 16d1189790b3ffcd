/** The steps that are known, each for real where that is possible without Jenkins. */
class Steps extends Words {
    Run run
    Context context

    /** Runs a closure's steps in a context. */
    static Object perform(Closure body, Run run, Context context) {
        Model.read(body, new Steps(place: "stage '${context.stage}'", env: context.env, run: run, context: context))
    }

    final String scm = 'scm'

    Map getCurrentBuild() { [currentResult: run.result, result: run.result].asImmutable() }

    void sh(CharSequence command) { sh(script: command) }

    void sh(Map how) {
        if (how.keySet() - ['script', 'label']) {
            throw new Refusal("sh: of ${how.keySet()} only script and label are known.")
        }
        context.mustHaveAgent('sh')
        def entry = run.began(context, how.script as String)
        entry.code = Shell.run(how.script as String, context)
        if (entry.code != 0) { throw new Stopped('FAILURE', "script returned exit code ${entry.code}") }
    }

    void echo(CharSequence text) { context.say(text.toString()) }

    void error(CharSequence text) { throw new Stopped('FAILURE', text.toString()) }

    void unstable(CharSequence text) { run.unstable(context, text.toString()) }

    void junit(CharSequence pattern) { junit(testResults: pattern) }

    void junit(Map how) {
        def files = run.published(context, 'junit', how.testResults as String)
        if (!files && !how.allowEmptyResults) { throw new Stopped('FAILURE', 'No test report files were found.') }
        def found = Reports.junit(files)
        run.report.junit << [stage: context.stage, files: files*.name] + found
        context.say("Published ${found.tests} test results of ${files.size()} files.")
        if (files && !found.tests) { throw new Stopped('FAILURE', 'None of the test reports contained any result.') }
        if (found.failures) { run.unstable(context, "${found.failures} tests failed.") }
    }

    void recordCoverage(Map how) {
        how.tools.each { tool ->
            if (tool.parser != 'COBERTURA') { throw new Refusal("recordCoverage: only the parser COBERTURA is known.") }
            def files = run.published(context, 'recordCoverage', tool.pattern as String)
            run.report.coverage << [stage: context.stage, files: files*.name, lines: Reports.lineRates(files)]
            context.say("Published the coverage of ${files.size()} files.")
        }
    }

    void archiveArtifacts(CharSequence pattern) { archiveArtifacts(artifacts: pattern) }

    void archiveArtifacts(Map how) {
        def files = run.published(context, 'archiveArtifacts', how.artifacts as String)
        if (!files && !how.allowEmptyArchive) { throw new Stopped('FAILURE', 'No artifacts found that match.') }
        run.report.artifacts.addAll(files*.name)
    }

    void checkout(Object what) {
        if (what != 'scm') { throw new Refusal('checkout: only scm is known.') }
        context.mustHaveAgent('checkout')
        run.checkout(context)
    }

    void deleteDir() { run.emptied(context) }

    void cleanWs() { deleteDir() }

    Map usernamePassword(Map what) {
        [kind: 'usernamePassword', id: what.credentialsId, username: what.usernameVariable,
         password: what.passwordVariable]
    }

    Map file(Map what) { [kind: 'file', id: what.credentialsId, variable: what.variable] }

    Map string(Map what) { [kind: 'string', id: what.credentialsId, variable: what.variable] }

    void withCredentials(List<Map> asked, Closure body) {
        run.credentials.lend(asked, context) { inner -> perform(body, run, inner) }
    }

    void withEnv(List<CharSequence> pairs, Closure body) {
        perform(body, run, context.having(pairs.collectEntries { it.toString().split('=', 2) as List }))
    }

    void timeout(Map limits, Closure body) {
        def inner = context.until(Model.seconds(limits))
        perform(body, run, inner)
    }

    void retry(int times, Closure body) {
        for (int left = times - 1; ; left--) {
            try {
                perform(body, run, context)
                return
            } catch (Stopped stopped) {
                if (left <= 0 || stopped.result == 'ABORTED') { throw stopped }
                context.say("${stopped.message} – trying again.")
            }
        }
    }

    void lock(Map what, Closure body) {
        run.report.locks << [stage: context.stage, resource: what.resource]
        perform(body, run, context)
    }

    void catchError(Map how, Closure body) {
        if (how.keySet() - ['message', 'buildResult', 'stageResult']) {
            throw new Refusal("catchError: $how is not known.")
        }
        try {
            perform(body, run, context)
        } catch (Stopped stopped) {
            context.say("${how.message ?: 'Caught'} ${stopped.message}")
            run.worsened(how.buildResult as String ?: 'FAILURE', stopped.message)
        }
    }

    void node(String label, Closure body) {
        perform(body, run, run.allocated(label, context))
    }

    void script(Closure body) { perform(body, run, context) }
}
