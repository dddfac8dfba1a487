//! `BITWINDOW`: questions in words, answered in Redis's shapes.

use super::{ActivityReader, Bucket, IntoWindow, Members, User, UserId, Window};
use crate::activity::calendar::Period;
use crate::activity::index::History;
use crate::command::bitmap_window::{Ask, Bounds, BucketWord, Chosen, JoinWord, Periods, Question};
use crate::command::reply::Reply;
use crate::error::{CommandError, Error};

impl IntoWindow for Bounds<'_> {
    fn into_window(self) -> Result<(Option<Period>, Option<Period>), CommandError> {
        let parse = |text: Option<&str>| text.map(str::parse).transpose();
        Ok((parse(self.from)?, parse(self.to)?))
    }
}

impl ActivityReader {
    /// Answers a question that was asked in words.
    pub(crate) fn answer(&self, ask: &Ask<'_>) -> Result<Reply, Error> {
        match ask {
            Ask::Changes(window) => {
                let changes = self.active(*window)?.changes()?;
                let fields = [
                    ("active", changes.active),
                    ("new", changes.new),
                    ("retained", changes.retained),
                    ("returning", changes.returning),
                    ("lost", changes.lost),
                ];
                Ok(Reply::Map(
                    fields
                        .map(|(name, count)| (bulk(name), count.into()))
                        .into(),
                ))
            }
            Ask::Count(chosen) if chosen.periods == Periods::Any && chosen.joins.is_empty() => {
                Ok(self.active(chosen.window)?.count()?.into())
            }
            Ask::Count(chosen) => Ok(self.choose(chosen)?.count()?.into()),
            Ask::Members(chosen, limit) => {
                let users = self.choose(chosen)?.iter()?.take(*limit);
                let users = users.map(|user| user.map(|user| user_reply(&user)));
                Ok(Reply::Array(users.collect::<Result<_, _>>()?))
            }
            Ask::Periods(window) => {
                let periods = self.active(*window)?.periods()?;
                Ok(rows(periods, |(period, users)| {
                    vec![bulk(period), users.into()]
                }))
            }
            Ask::Retention(window, bucket) => {
                let bucket = match bucket {
                    BucketWord::Day => Bucket::Day,
                    BucketWord::Week => Bucket::Week,
                    BucketWord::Month => Bucket::Month,
                };
                let cohorts = self.active(*window)?.retention(bucket)?;
                Ok(rows(cohorts, |cohort| {
                    vec![bulk(cohort.start), cohort.active.into()]
                }))
            }
            Ask::Rolling(window) => Ok(rows(self.active(*window)?.rolling()?, |row| {
                vec![
                    bulk(row.period),
                    row.day.into(),
                    row.week.into(),
                    row.month.into(),
                ]
            })),
            Ask::Seen { user } => {
                let seen =
                    |history: &mut History, user| history.first(user).zip(history.last(user));
                let seen = self.ask_user(self.user(user), seen)?;
                let seen = seen.and_then(|(first, last)| self.period(first).zip(self.period(last)));
                Ok(span(seen))
            }
            Ask::Span => Ok(span(self.span()?)),
            Ask::Streak { user, at } => {
                let streak = self.current_streak(self.user(user), *at)?;
                Ok(u64::from(streak).into())
            }
            Ask::TopStreaks(window, count) => {
                let top = self.active(*window)?.top_streaks(*count)?;
                Ok(rows(top, |top| {
                    let periods = u64::from(top.streak.periods);
                    vec![
                        user_reply(&top.user),
                        bulk(top.streak.first),
                        periods.into(),
                    ]
                }))
            }
        }
    }

    /// The user whom a word names.
    fn user<'a>(&self, word: &'a [u8]) -> User<'a> {
        let number = std::str::from_utf8(word)
            .ok()
            .and_then(|text| text.parse().ok());
        match (number, self.options().dictionary()) {
            (Some(number), None) => User::Number(number),
            (_, _) => User::Name(word),
        }
    }

    fn choose(&self, chosen: &Chosen<'_>) -> Result<Members, Error> {
        let window: Window = self.active(chosen.window)?;
        let mut members = match chosen.periods {
            Periods::Any => window.members(),
            Periods::AtLeast(periods) => window.at_least(periods),
            Periods::Exactly(periods) => window.exactly(periods),
            Periods::Every => window.in_every_period(),
        };
        for (join, keys) in &chosen.joins {
            for key in *keys {
                members = match join {
                    JoinWord::And => members.and_key(key),
                    JoinWord::Or => members.or_key(key),
                    JoinWord::Not => members.and_not_key(key),
                };
            }
        }
        Ok(members)
    }
}

/// An array of rows.
fn rows<T>(rows: Vec<T>, row: impl Fn(T) -> Vec<Reply>) -> Reply {
    Reply::Array(
        rows.into_iter()
            .map(|each| Reply::Array(row(each)))
            .collect(),
    )
}

fn span(span: Option<(Period, Period)>) -> Reply {
    match span {
        Some((first, last)) => Reply::Array(vec![bulk(first), bulk(last)]),
        None => Reply::Nil,
    }
}

fn bulk(text: impl ToString) -> Reply {
    Reply::Bulk(text.to_string().into_bytes())
}

fn user_reply(user: &UserId) -> Reply {
    match user {
        UserId::Number(number) => bulk(number),
        UserId::Name(name) => Reply::Bulk(name.clone()),
    }
}

impl super::Db {
    /// Answers a question about one of its activities.
    pub(crate) fn answer(&self, question: &Question<'_>) -> Result<Reply, Error> {
        self.activity(question.name)?.answer(&question.ask)
    }
}
