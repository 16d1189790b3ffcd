/** How builds and stages end, from good to worse, and which of the `post` conditions go with that. */
class Results {
    static final List<String> WORSE = ['SUCCESS', 'UNSTABLE', 'FAILURE', 'ABORTED']
    /** In the order in which Jenkins looks at them. */
    static final List<String> CONDITIONS =
        ['always', 'aborted', 'failure', 'success', 'unstable', 'unsuccessful', 'cleanup']

    static String worst(String one, String other) {
        WORSE.indexOf(one) > WORSE.indexOf(other) ? one : other
    }

    static boolean holds(String condition, String result) {
        switch (condition) {
            case ['always', 'cleanup']: return true
            case 'unsuccessful': return result != 'SUCCESS'
            default: return result == condition.toUpperCase()
        }
    }
}
