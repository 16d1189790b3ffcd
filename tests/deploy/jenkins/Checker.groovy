import org.codehaus.groovy.ast.ClassCodeVisitorSupport
import org.codehaus.groovy.ast.ClassNode
import org.codehaus.groovy.ast.expr.ConstructorCallExpression
import org.codehaus.groovy.ast.expr.GStringExpression
import org.codehaus.groovy.ast.expr.MethodCallExpression
import org.codehaus.groovy.ast.expr.StaticMethodCallExpression
import org.codehaus.groovy.ast.stmt.BlockStatement
import org.codehaus.groovy.ast.stmt.ExpressionStatement
import org.codehaus.groovy.classgen.GeneratorContext
import org.codehaus.groovy.control.CompilePhase
import org.codehaus.groovy.control.SourceUnit
import org.codehaus.groovy.control.customizers.CompilationCustomizer

/** Reads the Jenkinsfile as a whole before any of it runs, so that a word of a stage that is skipped is not missed. */
class Checker extends CompilationCustomizer {
    static final Set<String> WORDS = [
        'pipeline', 'agent', 'label', 'options', 'environment', 'stages', 'stage', 'steps', 'post', 'when', 'input',
        'disableConcurrentBuilds', 'disableRestartFromStage', 'skipStagesAfterUnstable', 'skipDefaultCheckout',
        'durabilityHint', 'buildDiscarder', 'logRotator', 'timestamps', 'timeout', 'lock',
        'branch', 'buildingTag', 'tag', 'changeRequest', 'not', 'anyOf', 'allOf', 'expression',
        'beforeAgent', 'beforeInput', 'beforeOptions', 'message', 'ok', 'submitter', 'submitterParameter',
        'sh', 'echo', 'error', 'unstable', 'junit', 'recordCoverage', 'archiveArtifacts', 'checkout', 'deleteDir',
        'cleanWs', 'withCredentials', 'usernamePassword', 'file', 'string', 'withEnv', 'retry', 'catchError', 'node',
        'script',
    ] + Results.CONDITIONS as Set
    /** What may be asked of a value; Jenkins keeps the rest in its sandbox. */
    static final Set<String> OF_VALUES = ['toLowerCase', 'toUpperCase', 'trim', 'take', 'startsWith'] as Set

    final List<String> faults = []

    Checker() { super(CompilePhase.CONVERSION) }

    @Override
    void call(SourceUnit source, GeneratorContext context, ClassNode script) {
        def top = script.module.statementBlock as BlockStatement
        def first = top.statements.size() == 1 ? top.statements[0] : null
        def call = first instanceof ExpressionStatement ? first.expression : null
        if (!(call instanceof MethodCallExpression) || call.methodAsString != 'pipeline' || script.module.methods) {
            faults << 'A declarative Jenkinsfile is one pipeline { … } and nothing else.'
        }
        new Visitor(source, faults).visit(top)
    }

    void mustBeContent() {
        if (faults) { throw new Refusal(faults.join('\n')) }
    }

    private static class Visitor extends ClassCodeVisitorSupport {
        final SourceUnit sourceUnit
        final List<String> faults

        Visitor(SourceUnit source, List<String> faults) {
            this.sourceUnit = source
            this.faults = faults
        }

        void visit(BlockStatement block) { block.visit(this) }

        @Override
        void visitMethodCallExpression(MethodCallExpression call) {
            String name = call.methodAsString
            if (call.implicitThis ? !WORDS.contains(name) : !OF_VALUES.contains(name)) {
                fault(call, "'${name ?: call.method.text}' is no directive or step that is known here.")
            }
            if (call.implicitThis && name == 'sh' && interpolates(call)) {
                fault(call, "'sh' gets a double-quoted text with a value in it: the shell has to fill that in.")
            }
            super.visitMethodCallExpression(call)
        }

        @Override
        void visitConstructorCallExpression(ConstructorCallExpression call) {
            fault(call, 'A Jenkinsfile makes no objects.')
        }

        @Override
        void visitStaticMethodCallExpression(StaticMethodCallExpression call) {
            fault(call, "'${call.method}' is no directive or step that is known here.")
        }

        private void fault(node, String what) { faults << "Line ${node.lineNumber}: $what".toString() }

        private static boolean interpolates(MethodCallExpression call) {
            boolean found = false
            def looker = new org.codehaus.groovy.ast.CodeVisitorSupport() {
                @Override
                void visitGStringExpression(GStringExpression text) { found = true }
            }
            call.arguments.visit(looker)
            return found
        }
    }
}
