/** A step came to nothing; `result` is what that makes of its stage and of the build. */
class Stopped extends RuntimeException {
    final String result

    Stopped(String result, String message) {
        super(message)
        this.result = result
    }
}
