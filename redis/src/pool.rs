//! Pools of connections.

#[cfg(feature = "r2d2")]
impl r2d2::ManageConnection for crate::Client {
    type Connection = crate::Connection;
    type Error = redis::RedisError;

    fn connect(&self) -> Result<Self::Connection, Self::Error> {
        self.get_connection()
    }

    fn is_valid(&self, connection: &mut Self::Connection) -> Result<(), Self::Error> {
        redis::cmd("PING").exec(connection)
    }

    fn has_broken(&self, connection: &mut Self::Connection) -> bool {
        !redis::ConnectionLike::is_open(connection)
    }
}

#[cfg(feature = "bb8")]
impl bb8::ManageConnection for crate::Client {
    type Connection = crate::AsyncConnection;
    type Error = redis::RedisError;

    async fn connect(&self) -> Result<Self::Connection, Self::Error> {
        self.get_async_connection()
    }

    async fn is_valid(&self, connection: &mut Self::Connection) -> Result<(), Self::Error> {
        redis::cmd("PING").exec_async(connection).await
    }

    fn has_broken(&self, connection: &mut Self::Connection) -> bool {
        !connection.is_open()
    }
}
