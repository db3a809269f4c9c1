import HTTPTypes
import Hummingbird

/// What every answer carries, those of the router itself included, and which requests get no further.
struct AnswerHeaders: RouterMiddleware {
    typealias Context = BasicRequestContext

    /// Everything comes from here, nothing stands in the page itself, and nobody may frame it (Content Security Policy Level 3).
    static let policy =
        "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

    private static let fields: [(name: String, value: String)] = [
        ("cache-control", "no-store"),
        ("x-content-type-options", "nosniff"),
        ("content-security-policy", Self.policy),
        // For browsers that don't know `frame-ancestors`.
        ("x-frame-options", "DENY"),
        ("referrer-policy", "no-referrer"),
        // Nobody else's page may load any of this, nor hold on to its window (Fetch Standard, HTML Standard).
        ("cross-origin-resource-policy", "same-origin"),
        ("cross-origin-opener-policy", "same-origin"),
    ]
    private static let headers = Self.fields.reduce(into: HTTPFields()) { fields, field in
        if let name = HTTPField.Name(field.name) { fields[name] = field.value }
    }

    @concurrent func handle(
        _ request: Request, context: Context, next: @concurrent (Request, Context) async throws -> Response
    ) async throws -> Response {
        var response = try await self.answer(request, context, next)
        response.headers.append(contentsOf: Self.headers)
        return response
    }

    @concurrent private func answer(
        _ request: Request, _ context: Context, _ next: @concurrent (Request, Context) async throws -> Response
    ) async throws -> Response {
        guard request.method == .get || request.method == .head else {
            var response = Response(status: .methodNotAllowed)
            response.headers[.allow] = "GET, HEAD"
            return response
        }
        do {
            return try await next(request, context)
        } catch let error as HTTPError {
            return Response(status: error.status)
        }
    }
}
