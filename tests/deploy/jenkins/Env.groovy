/** The variables, as the Jenkinsfile asks for them. */
class Env {
    Context context

    def propertyMissing(String name) { context.variables[name] }

    def propertyMissing(String name, value) {
        throw new Refusal("env.$name is set: use environment { … } or withEnv.")
    }
}
