import groovy.transform.CompileStatic
import java.util.concurrent.TimeUnit

/** Runs a command as the `sh` step does: a script of its own, `sh -xe`, in a process group that ends with it. */
@CompileStatic
class Shell {
    static int run(String script, Context context) {
        File file = File.createTempFile('step', '.sh', context.temporary)
        file.text = script
        try {
            ProcessBuilder builder = new ProcessBuilder('setsid', '/bin/sh', '-xe', file.path)
            builder.directory(context.workspace).redirectErrorStream(true)
            builder.redirectInput(new File('/dev/null'))
            builder.environment().putAll(context.variables)
            Process process = builder.start()
            Thread reader = Thread.start { process.inputStream.eachLine { String line -> context.say(line) } }
            try {
                waitFor(process, context)
            } finally {
                // What a step leaves running in its group would go on into the next one; Jenkins ends it, too.
                signal(process, 'KILL')
                reader.join(10_000)
            }
            return process.exitValue()
        } finally {
            file.delete()
        }
    }

    private static void waitFor(Process process, Context context) {
        Deadline next = context.deadlines.min { Deadline it -> it.end() }
        if (next == null) {
            process.waitFor()
        } else if (!process.waitFor(Math.max(0L, next.end() - System.currentTimeMillis()), TimeUnit.MILLISECONDS)) {
            next.isOver = true
            signal(process, 'TERM')
            if (!process.waitFor(10, TimeUnit.SECONDS)) { signal(process, 'KILL') }
            process.waitFor()
            throw new Stopped('ABORTED', 'Timeout has been exceeded.')
        }
    }

    private static void signal(Process process, String name) {
        new ProcessBuilder('kill', "-$name".toString(), '--', "-${process.pid()}".toString())
            .redirectErrorStream(true).redirectOutput(new File('/dev/null')).start().waitFor()
    }
}
