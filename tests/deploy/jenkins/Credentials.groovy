import java.nio.file.Files
import java.nio.file.attribute.PosixFilePermissions

/** Lends what `withCredentials` asks for, by its id, and takes it back. */
class Credentials {
    final Map<String, Map> kept

    Credentials(Map kept) { this.kept = kept }

    Object lend(List<Map> asked, Context context, Closure use) {
        Map<String, String> variables = [:]
        List<String> secrets = []
        List<File> files = []
        try {
            asked.each { bind(it, context, variables, secrets, files) }
            return use(context.with(variables: context.variables + variables, secrets: context.secrets + secrets,
                                    credentials: context.credentials + asked*.id))
        } finally {
            files.each { it.delete() }
        }
    }

    private void bind(Map one, Context context, Map variables, List secrets, List files) {
        def found = kept[one.id]
        if (found == null || found.kind != one.kind) {
            throw new Stopped('FAILURE', "There is no credential '${one.id}' of the kind ${one.kind}.")
        }
        switch (one.kind) {
            case 'usernamePassword':
                variables[one.username] = found.username
                variables[one.password] = found.password
                secrets << found.password
                break
            case 'string':
                variables[one.variable] = found.secret
                secrets << found.secret
                break
            default:
                def file = lentFile(new File(found.path as String), context)
                variables[one.variable] = file.path
                secrets << file.path
                files << file << file.parentFile
        }
    }

    private static File lentFile(File original, Context context) {
        context.mustHaveAgent('withCredentials')
        def folder = new File(context.temporary, UUID.randomUUID().toString())
        folder.mkdirs()
        def copy = new File(folder, original.name)
        copy.bytes = original.bytes
        Files.setPosixFilePermissions(copy.toPath(), PosixFilePermissions.fromString('r--------'))
        return copy
    }
}
