// Runs a Jenkinsfile without Jenkins: StandIn CONFIG.json REPORT.json; stand_in.py compiles it and writes the first.
// Exit code 0: the build is green; 1: it is not; 2: the Jenkinsfile is refused.
import groovy.json.JsonOutput
import groovy.json.JsonSlurper
import org.codehaus.groovy.control.CompilationFailedException
import org.codehaus.groovy.control.CompilerConfiguration

def config = new JsonSlurper().parse(new File(args[0])) as Map
def report = [:]
int code = 0
try {
    def checker = new Checker()
    def compiler = new CompilerConfiguration()
    compiler.addCompilationCustomizers(checker)
    Script script
    try {
        def text = new File(config.jenkinsfile as String).text
        script = new GroovyShell(this.class.classLoader, new Binding(), compiler).parse(text, 'Jenkinsfile')
    } catch (CompilationFailedException broken) {
        throw new Refusal(broken.message)
    }
    checker.mustBeContent()

    Model model
    def start = new Context(variables: config.variables as Map<String, String>)
    script.metaClass.pipeline = { Closure body -> model = Model.of(body, start.env) }
    script.run()
    report = new Run(config, model).whole(start)
    code = report.result == 'SUCCESS' ? 0 : 1
} catch (Refusal refusal) {
    println "REFUSED: ${refusal.message}"
    report = [result: 'REFUSED', why: refusal.message]
    code = 2
}
new File(args[1]).text = JsonOutput.prettyPrint(JsonOutput.toJson(report))
println "Finished: ${report.result}"
System.out.flush()
System.exit(code)
