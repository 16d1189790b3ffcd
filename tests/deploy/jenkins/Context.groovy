/** What holds for the step that runs: its agent, its variables, its secrets, its deadlines. */
class Context {
    Map<String, String> variables = [:]
    File workspace
    /** For scripts and lent files: beside the workspace and not in it, as on an agent. */
    File temporary
    List<Deadline> deadlines = []
    List<String> secrets = []
    List<String> credentials = []
    String stage = ''
    boolean isPost

    Context with(Map changes) {
        new Context([variables: variables, workspace: workspace, temporary: temporary, deadlines: deadlines,
                     secrets: secrets, credentials: credentials, stage: stage, isPost: isPost] + changes)
    }

    Context having(Map<String, String> more) { with(variables: variables + more) }

    Context until(int seconds) {
        with(deadlines: deadlines + new Deadline(at: System.currentTimeMillis() + seconds * 1000L))
    }

    /** The variables as `env`, which answers null for one that is not there. */
    Env getEnv() { new Env(context: this) }

    String masked(String line) {
        secrets.findAll { it }.sort { -it.length() }.inject(line) { text, secret -> text.replace(secret, '****') }
    }

    void say(String line) {
        println masked(line)
        System.out.flush()
    }

    File mustHaveAgent(String step) {
        if (workspace == null) { throw new Stopped('FAILURE', "'$step' needs an agent, and none is held here.") }
        return workspace
    }
}
